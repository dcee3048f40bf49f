/// One reply of the server, copied out of the library's memory.
///
/// The cases are those of RESP2 (https://redis.io/docs/latest/develop/reference/protocol-spec/).
public enum RedisReply: Sendable, Equatable {
    /// A simple string, like `OK`.
    case status(String)
    /// A bulk string: any bytes.
    case string([UInt8])
    /// A 64-bit integer.
    case integer(Int64)
    /// An array, nested at most seven deep (a limit of hiredis 0.14).
    case array([RedisReply])
    /// A nil bulk string or a nil array.
    case null
    /// A refusal by the server. In a pipeline it takes its command's place.
    case error(RedisReplyError)

    /// The text of a status, or of a string that is valid UTF-8; otherwise nil.
    public var text: String? {
        switch self {
        case .status(let text): text
        case .string(let bytes): String(validating: bytes, as: UTF8.self)
        default: nil
        }
    }

    /// The bytes of a string; otherwise nil.
    public var bytes: [UInt8]? {
        if case .string(let bytes) = self { bytes } else { nil }
    }

    /// The number of an integer, or of a string that spells one in decimal, as `GET` answers; otherwise nil.
    public var integerValue: Int64? {
        switch self {
        case .integer(let number): number
        case .string, .status: text.flatMap { Int64($0) }
        default: nil
        }
    }

    /// The elements of an array; otherwise nil.
    public var elements: [RedisReply]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The refusal, if this is one.
    public var error: RedisReplyError? {
        if case .error(let error) = self { error } else { nil }
    }

    /// Whether the server answered nil.
    public var isNull: Bool { self == .null }
}

/// What the server said when it refused a command: a code in capitals, then a sentence.
public struct RedisReplyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The whole line, without the leading `-`. It may quote arguments of an unknown command; `message` does not.
    public let line: String

    /// - Parameter line: the server's line, without the leading `-`.
    public init(line: String) {
        self.line = line
    }

    /// The first word, like `WRONGTYPE` or `ERR`.
    public var code: String {
        String(line.prefix { $0 != " " })
    }

    /// The sentence after the code, without the arguments that the server repeats for an unknown command.
    public var message: String {
        let sentence = line.dropFirst(code.count).drop { $0 == " " }
        let quote = ", with args beginning with"
        var end = sentence.startIndex
        while end < sentence.endIndex, !sentence[end...].hasPrefix(quote) {
            end = sentence.index(after: end)
        }
        return String(sentence[..<end])
    }

    /// The code and the sentence.
    public var description: String {
        message.isEmpty ? code : "\(code) \(message)"
    }
}
