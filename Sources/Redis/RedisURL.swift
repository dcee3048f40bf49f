/// The address of a Redis server, with what is needed to log in.
///
/// Two forms: `redis://[user[:password]@]host[:port][/database]` and `unix:///path/to.sock[?db=database]`, the second
/// also with the scheme `redis+unix` and with `user:password@` before the path. User, password and path may be
/// percent-encoded. `redis://:password@host` is the password of the default user. `rediss://` is refused.
public struct RedisURL: Sendable, Hashable {
    /// Where the server listens.
    public enum Endpoint: Sendable, Hashable {
        /// A host name or address, and a port.
        case tcp(host: String, port: Int)
        /// The path of a unix socket.
        case unix(path: String)
    }

    /// Where the server listens.
    public let endpoint: Endpoint
    /// The user of an access control list; nil for the default user.
    public let user: String?
    /// The number of the database; 0 unless the URL names one.
    public let database: Int
    let password: String?

    /// Reads a URL.
    ///
    /// - Throws: `RedisError` with `invalidURL`, or `unsupported` for `rediss://`. The text says what is wrong without
    ///   repeating the URL, which may hold a password.
    public init(_ text: String) throws(RedisError) {
        guard let mark = text.firstRange(of: "://") else {
            throw Self.invalid("it has no scheme; expected redis://host:port/database or unix:///path?db=database")
        }
        let scheme = text[..<mark.lowerBound].lowercased()
        let rest = text[mark.upperBound...]
        guard !rest.contains("#") else { throw Self.invalid("it has a fragment (#…)") }
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let queried = try Self.database(inQuery: parts.count > 1 ? parts[1] : "")
        let slash = parts[0].firstIndex(of: "/") ?? parts[0].endIndex
        let (login, host) = Self.splitLogin(parts[0][..<slash])
        let path = parts[0][slash...]
        switch scheme {
        case "redis":
            endpoint = try Self.tcp(host)
            let inPath = try path.dropFirst().isEmpty ? nil : Self.database(path.dropFirst())
            guard inPath == nil || queried == nil else { throw Self.invalid("it names the database twice") }
            database = inPath ?? queried ?? 0
        case "unix", "redis+unix":
            guard host.isEmpty else {
                throw Self.invalid("a socket's path must be absolute: unix:///path, with three slashes")
            }
            endpoint = try .unix(path: Self.socketPath(path))
            database = queried ?? 0
        case "rediss":
            throw RedisError(
                .unsupported,
                operation: "reading the Redis URL",
                address: "",
                message: "rediss:// is refused: hiredis 0.14 has no TLS; use redis:// or a unix socket, through a "
                    + "local TLS tunnel if the server asks for TLS"
            )
        default:
            throw Self.invalid("its scheme is none of redis, unix and redis+unix")
        }
        // A byte, not a character: a password may begin with a combining mark that would merge with it.
        let colon = login.utf8.firstIndex(of: UInt8(ascii: ":")) ?? login.endIndex
        let user = try Self.decoded(login[..<colon], "user")
        self.user = user.isEmpty ? nil : user
        password =
            try colon == login.endIndex ? nil : Self.decoded(login[login.utf8.index(after: colon)...], "password")
        guard self.user == nil || password != nil else {
            throw Self.invalid("it names a user without a password; for a password alone write redis://:password@host")
        }
    }

    /// The server alone, as `host:port` or the path of the socket.
    public var address: String {
        switch endpoint {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path
        }
    }
}

extension RedisURL: CustomStringConvertible, CustomReflectable {
    /// The URL with `***` in place of the password.
    public var description: String {
        let login = password == nil ? "" : "\(user ?? ""):***@"
        switch endpoint {
        case .tcp: return "redis://\(login)\(address)/\(database)"
        case .unix(let path): return "unix://\(login)\(path)?db=\(database)"
        }
    }

    /// Shows no more than `description` does, so that dumping a setting does not reveal the password.
    public var customMirror: Mirror {
        Mirror(self, children: ["url": description])
    }
}

// The parts of a URL.
extension RedisURL {
    private static func invalid(_ reason: String) -> RedisError {
        RedisError(.invalidURL, operation: "reading the Redis URL", address: "", message: reason)
    }

    /// A password may hold an unencoded `@`, a host cannot: the last one counts.
    private static func splitLogin(_ authority: Substring) -> (login: Substring, host: Substring) {
        guard let at = authority.lastIndex(of: "@") else { return ("", authority) }
        return (authority[..<at], authority[authority.index(after: at)...])
    }

    private static func tcp(_ text: Substring) throws(RedisError) -> Endpoint {
        var host = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw invalid("the address in brackets does not end") }
            let after = text[text.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw invalid("there is text after the bracket") }
            host = text[text.index(after: text.startIndex)..<end]
            port = after.isEmpty ? nil : after.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard !host.isEmpty else { throw invalid("it has no host") }
        let name = try decoded(host, "host")
        guard let port else { return .tcp(host: name, port: 6379) }
        guard port.utf8.allSatisfy(isDigit), let number = UInt16(port), number > 0 else {
            throw invalid("its port is not a number from 1 to 65535")
        }
        return .tcp(host: name, port: Int(number))
    }

    private static func socketPath(_ text: Substring) throws(RedisError) -> String {
        let path = try decoded(text, "path")
        guard path.utf8.count > 1 else { throw invalid("it has no path; expected unix:///path/to.sock") }
        // sockaddr_un.sun_path holds 108 bytes with the final zero; hiredis would silently cut a longer path.
        guard path.utf8.count <= 107 else { throw invalid("the socket's path is longer than 107 bytes") }
        return path
    }

    private static func database(inQuery query: Substring) throws(RedisError) -> Int? {
        var found: Int?
        for item in query.split(separator: "&") {
            guard item.hasPrefix("db=") else { throw invalid("its query has a key other than db") }
            guard found == nil else { throw invalid("it names the database twice") }
            found = try database(item.dropFirst(3))
        }
        return found
    }

    private static func database(_ text: Substring) throws(RedisError) -> Int {
        guard text.utf8.allSatisfy(isDigit), let number = Int32(text) else {
            throw invalid("its database is not a number from 0 on")
        }
        return Int(number)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0") <= byte && byte <= UInt8(ascii: "9")
    }

    private static func decoded(_ text: Substring, _ part: String) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2).compactMap { Character(UnicodeScalar($0)).hexDigitValue }
            guard digits.count == 2 else { throw invalid("its \(part) has a % without two hexadecimal digits") }
            bytes.append(UInt8(digits[0] * 16 + digits[1]))
            rest = rest.dropFirst(2)
        }
        // The C functions stop at a zero byte: what follows it would be ignored.
        guard !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self) else {
            throw invalid("its \(part) is not UTF-8 text without zero bytes")
        }
        return decoded
    }
}
