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
        if parameters["host"]?.utf8.contains(UInt8(ascii: "@")) == true {
            throw Self.refusal("a user name or password in a URL must be percent-encoded: write @ as %40, / as %2F")
        }
        for port in Self.parts(of: parameters["port"] ?? "") where !port.isEmpty && UInt16(port) == nil {
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
            var escaped = String.UnicodeScalarView()
            for scalar in value.unicodeScalars {
                if scalar == "'" || scalar == "\\" { escaped.append("\\") }
                escaped.append(scalar)
            }
            return "\(key)='\(String(escaped))'"
        }.joined(separator: " ")
    }

    /// Where this leads, for messages: hosts and ports, never the password.
    package var address: String {
        let hosts = Self.parts(of: parameters["host"] ?? parameters["hostaddr"] ?? "")
        let ports = Self.parts(of: parameters["port"] ?? "")
        return hosts.enumerated().map { index, host in
            let port = ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : ""
            return Self.address(host: host.isEmpty ? "local socket" : host, port: port)
        }.joined(separator: ",")
    }

    /// `host:port`, or the path of the socket.
    static func address(host: String, port: String) -> String {
        let port = port.isEmpty ? "5432" : port
        if [UInt8(ascii: "/"), UInt8(ascii: "@")].contains(host.utf8.first) { return "\(host)/.s.PGSQL.\(port)" }
        return host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// The parts between commas, empty ones included.
    private static func parts(of text: String) -> [String] {
        text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// libpq's complaints quote the part of the string they are about, which may be part of a password; by bytes, because
    /// a quote and a combining mark behind it are one character.
    private static func withoutQuotations(_ message: String) -> String {
        var kept: [UInt8] = []
        let line = message.utf8.prefix { $0 != UInt8(ascii: "\n") }
        let parts = line.split(separator: UInt8(ascii: "\""), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index.isMultiple(of: 2) {
                kept += part
            } else {
                kept += part.count == 1 ? Array("\"".utf8) + part + "\"".utf8 : Array("\"…\"".utf8)
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }

    private static func refusal(_ message: String) -> PostgresError {
        PostgresError(.configuration, operation: "read the database URL", message: message)
    }
}
