internal import CPostgres

/// A libpq connection string, checked and taken apart. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
package struct ConnectionString: Sendable {
    /// The keywords that the string states, such as `host` and `dbname`.
    package private(set) var parameters: [String: String] = [:]

    /// - Parameter text: a URL (`postgresql://…`) or keyword/value pairs. Empty: libpq's defaults.
    /// - Throws: `.configuration`. The message quotes nothing of `text`, which may hold a password.
    package init(_ text: String) throws(PostgresError) {
        var error: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &error) else {
            defer { PQfreemem(error) }
            let reason = error.map { String(cString: $0) } ?? "out of memory"
            throw Self.refusal(Self.withoutQuotations(reason))
        }
        defer { PQconninfoFree(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { parameters[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        // libpq ends the password at the first @ and would look the rest up as a host, and quote it in its message.
        if parameters["host"]?.contains("@") == true {
            throw Self.refusal("a user name or password in a URL must be percent-encoded: write @ as %40, / as %2F")
        }
        for port in (parameters["port"] ?? "").split(separator: ",") where UInt16(port) == nil {
            throw Self.refusal(
                "the port is not a number from 1 to 65535; a / or : in a password must be written as %2F or %3A"
            )
        }
    }

    /// The same server, another database.
    package func replacing(database: String) -> ConnectionString {
        var copy = self
        copy.parameters["dbname"] = database
        return copy
    }

    /// As keyword/value pairs. Contains the password if there is one.
    package var keywordValueText: String {
        parameters.sorted { $0.key < $1.key }.map { key, value in
            var escaped = ""
            for character in value {
                if character == "'" || character == "\\" { escaped.append("\\") }
                escaped.append(character)
            }
            return "\(key)='\(escaped)'"
        }.joined(separator: " ")
    }

    /// Where this leads, for messages: hosts and ports, never the password.
    package var address: String {
        let hosts = (parameters["host"] ?? parameters["hostaddr"] ?? "").split(
            separator: ",",
            omittingEmptySubsequences: false
        )
        let ports = (parameters["port"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        return hosts.enumerated().map { index, host in
            let port = ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : ""
            return Self.address(host: host.isEmpty ? "local socket" : String(host), port: String(port))
        }.joined(separator: ",")
    }

    /// `host:port`, or the path of the socket.
    static func address(host: String, port: String) -> String {
        let port = port.isEmpty ? "5432" : port
        if host.hasPrefix("/") || host.hasPrefix("@") { return "\(host)/.s.PGSQL.\(port)" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// libpq's complaints quote the part of the string they are about, which may be part of a password.
    private static func withoutQuotations(_ message: String) -> String {
        var kept = ""
        for (index, part) in message.split(separator: "\"", omittingEmptySubsequences: false).enumerated() {
            kept += index.isMultiple(of: 2) ? String(part) : part.utf8.count == 1 ? "\"\(part)\"" : "\"…\""
        }
        return String(kept.split(separator: "\n").first ?? "")
    }

    private static func refusal(_ message: String) -> PostgresError {
        PostgresError(.configuration, operation: "read the database URL", message: message)
    }
}
