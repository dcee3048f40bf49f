internal import CPostgres

// The macros of postgres_ext.h, which Swift imports as Int32 where it imports them at all.
let pgDiagSeverityNonlocalized = Int32(UInt8(ascii: "V"))

extension PostgresError {
    /// The error of a failed result. Copies all text, so the result may be cleared afterwards.
    init(result: OpaquePointer, operation: String, address: String?) {
        func field(_ code: Character) -> String? {
            guard let ascii = code.asciiValue, let text = PQresultErrorField(result, Int32(ascii)) else { return nil }
            return String(cString: text)
        }
        let severity = field("V")
        // FATAL and PANIC end the session, whether or not the socket is closed yet.
        let isFatal = severity == "FATAL" || severity == "PANIC"
        self.init(
            isFatal ? .connectionLost : .server,
            operation: operation,
            message: field("M") ?? Self.firstLine(PQresultErrorMessage(result)),
            address: address
        )
        sqlState = field("C").map { SQLState($0) }
        detail = field("D")
        hint = field("H")
        context = field("W")
        constraint = field("n")
        if let table = field("t") { self.table = [field("s"), table].compactMap(\.self).joined(separator: ".") }
        // "cached plan must not change result type" after DDL, and a name that DISCARD or a pooler took away.
        if sqlState == .duplicatePreparedStatement || sqlState == .invalidStatementName {
            hint = hint ?? "behind a pooler that shares server sessions, set preparesStatements to false"
        }
        planIsStale =
            (sqlState == .featureNotSupported && field("R") == "RevalidateCachedQuery")
            || sqlState == .invalidStatementName
    }

    /// libpq's last message about a connection, on one line.
    static func message(of connection: OpaquePointer) -> String {
        guard let text = PQerrorMessage(connection) else { return "no reason given" }
        let lines = String(cString: text).split(separator: "\n").map { line in
            line.drop { $0 == " " || $0 == "\t" }
        }
        return lines.isEmpty ? "no reason given" : lines.joined(separator: "; ")
    }

    private static func firstLine(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "no reason given" }
        return String(String(cString: text).split(separator: "\n").first ?? "no reason given")
    }

    /// The beginning of a statement, on one line, for an error's operation.
    static func operation(_ verb: String, _ sql: String) -> String {
        let limit = 80
        let words = sql.prefix(limit * 4).split { $0.isWhitespace || $0.isNewline }.joined(separator: " ")
        return "\(verb) \(words.count > limit ? words.prefix(limit) + "…" : words[...])"
    }
}
