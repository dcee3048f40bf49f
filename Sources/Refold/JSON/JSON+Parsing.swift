/// A text that is not JSON.
public struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The offset of the byte at which it stopped being JSON.
    public let offset: Int
    /// What was expected there.
    public let expectation: String

    /// One clause for people; it does not repeat the text.
    public var description: String { "not JSON at byte \(offset): expected \(expectation)" }
}

extension JSON {
    /// Reads one JSON value (RFC 8259) and keeps all of it.
    ///
    /// Integers of 64 bits become ``integer(_:)``, all other numbers ``raw(_:)`` as they are written. Members keep
    /// their order, and duplicate names are all kept. Arrays and objects may be nested up to 512 levels.
    ///
    /// - Throws: `JSONSyntaxError`.
    public init(parsing text: String) throws(JSONSyntaxError) {
        try self.init(parsing: text, refusesBrokenNames: false)
    }

    /// How many levels deep arrays and objects may be nested.
    package static let deepest = 512

    /// Reads one JSON value from UTF-8.
    package init(parsing bytes: UnsafeRawBufferPointer) throws(JSONSyntaxError) {
        try self.init(parsing: bytes, refusesBrokenNames: false)
    }

    /// Reads one JSON value that is to be written again: names of members that no text can hold are refused, since they
    /// would be written as other ones.
    package init(rewriting text: String) throws(JSONSyntaxError) {
        try self.init(parsing: text, refusesBrokenNames: true)
    }

    private init(parsing text: String, refusesBrokenNames: Bool) throws(JSONSyntaxError) {
        var text = text
        let result: Result<JSON, JSONSyntaxError> = text.withUTF8 { bytes in
            do throws(JSONSyntaxError) {
                let bytes = UnsafeRawBufferPointer(bytes)
                return .success(try JSON(parsing: bytes, refusesBrokenNames: refusesBrokenNames))
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }

    private init(parsing bytes: UnsafeRawBufferPointer, refusesBrokenNames: Bool) throws(JSONSyntaxError) {
        var scanner = JSONScanner(bytes, 0..<bytes.count)
        scanner.refusesBrokenNames = refusesBrokenNames
        self = try scanner.value()
        try scanner.passEnd()
    }
}

extension JSONScanner {
    /// The value that comes next.
    fileprivate mutating func value() throws(JSONSyntaxError) -> JSON {
        skipSpace()
        switch peek() {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return try string()
        case UInt8(ascii: "t"):
            try skipWord("true")
            return true
        case UInt8(ascii: "f"):
            try skipWord("false")
            return false
        case UInt8(ascii: "n"):
            try skipWord("null")
            return .null
        default: return try number()
        }
    }

    private mutating func object() throws(JSONSyntaxError) -> JSON {
        try enter()
        at += 1
        var members: [JSON.Object.Member] = []
        while try goToName() {
            let name = try text()
            if refusesBrokenNames && name.text == nil {
                throw unexpected("a name without half of a surrogate pair", at: name.escaped.startIndex)
            }
            try passColon()
            // No projection can ask for a name that is no text.
            let key = name.text ?? String(decoding: name.escaped, as: UTF8.self)
            members.append(JSON.Object.Member(key, try value()))
        }
        return .object(JSON.Object(members))
    }

    private mutating func array() throws(JSONSyntaxError) -> JSON {
        try enter()
        at += 1
        var values: [JSON] = []
        while try goToElement() { values.append(try value()) }
        return .array(values)
    }

    private mutating func number() throws(JSONSyntaxError) -> JSON {
        let start = at
        let isInteger = try skipNumber()
        let digits = String(decoding: bytes.bindMemory(to: UInt8.self)[start..<at], as: UTF8.self)
        // -0 is the one integer that would be written differently.
        if isInteger, let integer = Int64(digits), integer != 0 || bytes[start] != UInt8(ascii: "-") {
            return .integer(integer)
        }
        return .raw(digits)
    }

    private mutating func string() throws(JSONSyntaxError) -> JSON {
        let string = try text()
        return string.text.map { .text($0) } ?? .raw("\"" + String(decoding: string.escaped, as: UTF8.self) + "\"")
    }

    /// The text of the string that begins here, nil when no text can hold it, and the bytes between its quotes.
    private mutating func text() throws(JSONSyntaxError) -> (text: String?, escaped: Slice<UnsafeRawBufferPointer>) {
        let (content, hasEscapes) = try passString()
        if hasEscapes { return (try unescaped(content), content) }
        guard let text = String(validating: content, as: UTF8.self) else {
            throw unexpected("UTF-8", at: content.startIndex)
        }
        return (text, content)
    }
}
