/// A command and its arguments, already encoded for the wire.
///
/// Arguments may hold any bytes. A command is one growing buffer, so building it costs one or two allocations however
/// many arguments it has; encoding runs where the command is built, not on the connection's thread.
public struct RedisCommand: Sendable, Equatable {
    /// The number of arguments, the command's name included.
    public private(set) var count = 0

    /// `$<length>\r\n<bytes>\r\n` for each argument. The line with their number is written when the command is sent.
    private(set) var body: [UInt8] = []

    /// A command by its name and arguments, as in `RedisCommand("SET", "key", .bytes(value), "PX", 500)`.
    public init(_ name: StaticString, _ arguments: RedisArgument...) {
        self.init(name, arguments)
    }

    /// A command by its name and arguments.
    public init(_ name: StaticString, _ arguments: [RedisArgument]) {
        self.init(name, capacity: 32 * (arguments.count + 1))
        for argument in arguments {
            append(argument)
        }
    }

    /// A command that starts with a name and is then appended to.
    ///
    /// - Parameter capacity: how many bytes to set aside for all arguments together; a hint.
    public init(_ name: StaticString, capacity: Int) {
        body.reserveCapacity(capacity + name.utf8CodeUnitCount + 16)
        name.withUTF8Buffer { append(UnsafeRawBufferPointer($0)) }
    }

    /// Adds one argument.
    public mutating func append(_ argument: RedisArgument) {
        switch argument {
        case .text(let text): append(text)
        case .bytes(let bytes): append(bytes)
        case .integer(let number): append(number)
        case .double(let number): append(number)
        }
    }

    /// Adds the UTF-8 bytes of a text as one argument.
    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Adds bytes as one argument.
    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Adds a number in decimal as one argument.
    public mutating func append(_ number: Int64) {
        count += 1
        body.append(UInt8(ascii: "$"))
        body.appendDecimal(Self.digits(number))
        body.appendLineEnd()
        body.appendDecimal(number)
        body.appendLineEnd()
    }

    /// Adds a number in its shortest form that reads back the same as one argument.
    public mutating func append(_ number: Double) {
        append(number.description)
    }

    /// Adds bytes as one argument. They are copied before the call returns.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        count += 1
        body.append(UInt8(ascii: "$"))
        body.appendDecimal(Int64(bytes.count))
        body.appendLineEnd()
        body.append(contentsOf: bytes)
        body.appendLineEnd()
    }

    /// The command's name, for messages; arguments may be secrets and are never shown.
    public var name: String {
        guard let end = body.firstIndex(of: UInt8(ascii: "\r")) else { return "" }
        let length = body[1..<end].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return String(decoding: body[(end + 2)..<(end + 2 + length)], as: UTF8.self)
    }

    /// How many bytes go over the wire, give or take the line with the number of arguments.
    public var byteCount: Int { body.count }

    /// Writes the whole command to the end of a buffer.
    func encode(into buffer: inout [UInt8]) {
        buffer.append(UInt8(ascii: "*"))
        buffer.appendDecimal(Int64(count))
        buffer.appendLineEnd()
        buffer.append(contentsOf: body)
    }

    /// How many bytes the number takes in decimal.
    private static func digits(_ number: Int64) -> Int64 {
        var digits: Int64 = number < 0 ? 2 : 1
        var rest = number.magnitude
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        return digits
    }
}

/// One argument of a command. Literals of text and of whole numbers are arguments as they stand.
public enum RedisArgument: Sendable, Equatable, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral {
    /// The UTF-8 bytes of a text.
    case text(String)
    /// Any bytes.
    case bytes([UInt8])
    /// A number, in decimal.
    case integer(Int64)
    /// A number, in its shortest form that reads back the same.
    case double(Double)

    /// What goes over the wire for it, without its length.
    package var bytes: [UInt8] {
        switch self {
        case .text(let text): Array(text.utf8)
        case .bytes(let bytes): bytes
        case .integer(let number): Array("\(number)".utf8)
        case .double(let number): Array(number.description.utf8)
        }
    }

    /// A text.
    public init(stringLiteral value: String) {
        self = .text(value)
    }

    /// A whole number.
    public init(integerLiteral value: Int64) {
        self = .integer(value)
    }
}

extension [UInt8] {
    fileprivate mutating func appendLineEnd() {
        append(UInt8(ascii: "\r"))
        append(UInt8(ascii: "\n"))
    }

    fileprivate mutating func appendDecimal(_ number: Int64) {
        if 0 <= number, number < 10 {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number))
            return
        }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var start = 20
            var rest = number.magnitude
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if number < 0 {
                start -= 1
                digits[start] = UInt8(ascii: "-")
            }
            append(contentsOf: digits[start...])
        }
    }
}
