/// A text that is not JSON.
public struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The byte at which it stopped being JSON, the first being 0.
    public let offset: Int
    /// What was expected there.
    public let expectation: String

    /// One clause for people; it does not repeat the text.
    public var description: String { "not JSON at byte \(offset): expected \(expectation)" }
}

extension JSON {
    /// Reads one JSON value (RFC 8259) and keeps all of it.
    ///
    /// Integers of 64 bits become ``integer(_:)``, all other numbers ``raw(_:)`` as they are written. Members keep their
    /// order, and names that stand there twice are kept twice. At most 512 arrays and objects may stand within one another.
    ///
    /// - Throws: `JSONSyntaxError`.
    public init(parsing text: String) throws(JSONSyntaxError) {
        var text = text
        let result: Result<JSON, JSONSyntaxError> = text.withUTF8 { bytes in
            do throws(JSONSyntaxError) {
                return .success(try JSON(parsing: UnsafeRawBufferPointer(bytes)))
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }

    /// Reads one JSON value from UTF-8.
    package init(parsing bytes: UnsafeRawBufferPointer) throws(JSONSyntaxError) {
        var scanner = JSONScanner(bytes, 0..<bytes.count)
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
        // -0 is the one integer that would be written otherwise.
        if isInteger, let integer = Int64(digits), integer != 0 || bytes[start] != UInt8(ascii: "-") {
            return .integer(integer)
        }
        return .raw(digits)
    }

    private mutating func string() throws(JSONSyntaxError) -> JSON {
        let string = try text()
        return string.text.map { .text($0) } ?? .raw("\"" + String(decoding: string.escaped, as: UTF8.self) + "\"")
    }

    /// The text of the string that begins here, nil when no text can be that, and what stands between its quotes.
    private mutating func text() throws(JSONSyntaxError) -> (text: String?, escaped: UnsafeBufferPointer<UInt8>) {
        at += 1
        let start = at
        var isPlain = true
        while let byte = peek(), byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { throw unexpected("no control character") }
            if byte == UInt8(ascii: "\\") {
                isPlain = false
                at += 1
            }
            at += 1
        }
        guard at < end else {
            at = end
            throw unexpected("the string's end")
        }
        let content = UnsafeBufferPointer(rebasing: bytes.bindMemory(to: UInt8.self)[start..<at])
        at += 1
        if isPlain {
            guard let text = String(validating: content, as: UTF8.self) else { throw unexpected("UTF-8", at: start) }
            return (text, content)
        }
        return (try unescaped(content, at: start), content)
    }

    private func unescaped(
        _ content: UnsafeBufferPointer<UInt8>,
        at start: Int
    ) throws(JSONSyntaxError) -> String? {
        var scalars = ""
        var index = 0
        var isText = true
        while index < content.count {
            let plainEnd = content[index...].firstIndex(of: UInt8(ascii: "\\")) ?? content.count
            if plainEnd > index {
                guard let plain = String(validating: content[index..<plainEnd], as: UTF8.self) else {
                    throw unexpected("UTF-8", at: start + index)
                }
                scalars += plain
                index = plainEnd
                continue
            }
            // The string ends at a quote that no backslash precedes, so a character follows this one.
            let letter = content[index + 1]
            index += 2
            if letter != UInt8(ascii: "u") {
                guard let scalar = Self.escape(letter) else { throw unexpected("an escape", at: start + index - 1) }
                scalars.unicodeScalars.append(scalar)
                continue
            }
            var unit = try codeUnit(content, index, at: start)
            index += 4
            if (0xDC00..<0xE000).contains(unit) { isText = false }
            if (0xD800..<0xDC00).contains(unit) {
                guard index + 1 < content.count, content[index] == UInt8(ascii: "\\"),
                    content[index + 1] == UInt8(ascii: "u"),
                    case let low = try codeUnit(content, index + 2, at: start), (0xDC00..<0xE000).contains(low)
                else {
                    isText = false
                    continue
                }
                unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
                index += 6
            }
            if let scalar = Unicode.Scalar(unit) { scalars.unicodeScalars.append(scalar) }
        }
        return isText ? scalars : nil
    }

    private func codeUnit(
        _ content: UnsafeBufferPointer<UInt8>,
        _ index: Int,
        at start: Int
    ) throws(JSONSyntaxError) -> UInt32 {
        var unit: UInt32 = 0
        for place in index..<(index + 4) {
            guard place < content.count, let digit = Self.hexadecimal(content[place]) else {
                throw unexpected("four hexadecimal digits", at: start + index)
            }
            unit = unit << 4 | digit
        }
        return unit
    }
}
