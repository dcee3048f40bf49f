/// Why an operation on Redis failed, and what the caller may decide from it.
public struct RedisError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure. More kinds may be added; compare with `==`, and treat those you do not know as permanent.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Kind: Hashable {
            case invalidURL, unsupported, connectionFailed, authenticationFailed, databaseRefused
            case connectionLost, timedOut, protocolViolation, misuse
            case reply(String)
        }
        private let kind: Kind

        /// The address is not a Redis URL.
        public static let invalidURL = Code(kind: .invalidURL)
        /// Something that this client cannot do, such as TLS.
        public static let unsupported = Code(kind: .unsupported)
        /// No connection came about: nothing listens, the host is unknown, or the server turned us away.
        public static let connectionFailed = Code(kind: .connectionFailed)
        /// The server refused user and password, or asks for them.
        public static let authenticationFailed = Code(kind: .authenticationFailed)
        /// The server refused the database number of the URL.
        public static let databaseRefused = Code(kind: .databaseRefused)
        /// The connection broke. Commands that were on the way may or may not have run.
        public static let connectionLost = Code(kind: .connectionLost)
        /// The server was silent for too long. Commands on the way may or may not have run; the connection is closed,
        /// because replies that come later would be taken for those of later commands.
        public static let timedOut = Code(kind: .timedOut)
        /// The peer does not speak RESP2, or answered more often than it was asked. The connection is closed.
        public static let protocolViolation = Code(kind: .protocolViolation)
        /// Our own mistake, such as using a connection after closing it.
        public static let misuse = Code(kind: .misuse)
        /// The server refused one command, with a code such as `WRONGTYPE`; the connection is in order.
        public static func reply(_ code: String) -> Code { Code(kind: .reply(code)) }

        /// The server's own code if it refused a command; otherwise nil.
        public var replyCode: String? {
            if case .reply(let code) = kind { code } else { nil }
        }

        /// The name of the code.
        public var description: String {
            if case .reply(let code) = kind { code } else { "\(kind)" }
        }
    }

    /// The kind of failure.
    public let code: Code
    /// What was being done: a command's name, never its arguments.
    public let operation: String
    /// The server, as `host:port` or the path of a socket; empty when there is none yet.
    public let address: String
    /// A sentence for people, without secrets.
    public let message: String

    package init(_ code: Code, operation: String, address: String, message: String) {
        self.code = code
        self.operation = operation
        self.address = address
        self.message = message
    }

    /// Whether the same call may succeed later without anyone changing a setting: the server was unreachable, silent or
    /// gone, or refused with `LOADING`, `BUSY`, `MASTERDOWN`, `READONLY` (a failover), `TRYAGAIN`, `CLUSTERDOWN`,
    /// `NOREPLICAS`, `MISCONF` (it cannot save) or `OOM`.
    public var isTransient: Bool {
        if let reply = code.replyCode { return Self.transientReplies.contains(reply) }
        return [.connectionFailed, .connectionLost, .timedOut].contains(code)
    }

    /// Whether the connection is of no further use: connect again. A refusal with `READONLY` counts, because after a
    /// failover the same address may lead to the new primary.
    public var endsConnection: Bool {
        if let reply = code.replyCode { return reply == "READONLY" }
        return code != .misuse
    }

    private static let transientReplies: Set<String> = [
        "LOADING", "BUSY", "MASTERDOWN", "READONLY", "TRYAGAIN", "CLUSTERDOWN", "NOREPLICAS", "MISCONF", "OOM",
    ]

    /// Operation, address and cause in one line.
    public var description: String {
        let place = address.isEmpty ? "" : " at \(address)"
        let refusal = code.replyCode.map { "\($0) " } ?? ""
        return "Redis\(place): \(operation): \(refusal)\(message)"
    }
}
