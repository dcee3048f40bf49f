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
        var parser = JSONParser(bytes: bytes.bindMemory(to: UInt8.self))
        self = try parser.document()
    }
}

/// Reads one JSON text, from the left.
private struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    private var at = 0
    private var depth = 0

    private static let deepest = 512

    init(bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    mutating func document() throws(JSONSyntaxError) -> JSON {
        let value = try value()
        skipSpace()
        guard at == bytes.count else { throw unexpected("nothing more") }
        return value
    }

    private mutating func value() throws(JSONSyntaxError) -> JSON {
        skipSpace()
        switch peek() {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return try string()
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object() throws(JSONSyntaxError) -> JSON {
        try enter()
        var members: [JSON.Object.Member] = []
        skipSpace()
        if !skip("}") {
            repeat {
                skipSpace()
                guard peek() == UInt8(ascii: "\"") else { throw unexpected("a member's name") }
                let name = try text()
                skipSpace()
                guard skip(":") else { throw unexpected("a colon") }
                // No projection can ask for a name that is no text.
                let key = name.text ?? String(decoding: name.escaped, as: UTF8.self)
                members.append(JSON.Object.Member(key, try value()))
                skipSpace()
            } while skip(",")
            guard skip("}") else { throw unexpected("a comma or the object's end") }
        }
        depth -= 1
        return .object(JSON.Object(members))
    }

    private mutating func array() throws(JSONSyntaxError) -> JSON {
        try enter()
        var values: [JSON] = []
        skipSpace()
        if !skip("]") {
            repeat {
                values.append(try value())
                skipSpace()
            } while skip(",")
            guard skip("]") else { throw unexpected("a comma or the array's end") }
        }
        depth -= 1
        return .array(values)
    }

    private mutating func enter() throws(JSONSyntaxError) {
        depth += 1
        guard depth <= Self.deepest else { throw unexpected("no more than \(Self.deepest) levels") }
        at += 1
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
        guard at < bytes.count else {
            at = bytes.count
            throw unexpected("the string's end")
        }
        let content = UnsafeBufferPointer(rebasing: bytes[start..<at])
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
            let escape = content[index + 1]
            index += 2
            if escape != UInt8(ascii: "u") {
                guard let scalar = Self.escapes[escape] else { throw unexpected("an escape", at: start + index - 1) }
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

    private static let escapes: [UInt8: Unicode.Scalar] = [
        UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/", UInt8(ascii: "b"): "\u{8}",
        UInt8(ascii: "f"): "\u{C}", UInt8(ascii: "n"): "\n", UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
    ]

    private func codeUnit(
        _ content: UnsafeBufferPointer<UInt8>,
        _ index: Int,
        at start: Int
    ) throws(JSONSyntaxError) -> UInt32 {
        // An integer's text may begin with a sign.
        guard index + 4 <= content.count, content[index] != UInt8(ascii: "+"), content[index] != UInt8(ascii: "-"),
            let unit = UInt32(String(decoding: content[index..<(index + 4)], as: UTF8.self), radix: 16)
        else {
            throw unexpected("four hexadecimal digits", at: start + index)
        }
        return unit
    }

    private mutating func number() throws(JSONSyntaxError) -> JSON {
        let start = at
        _ = skip("-")
        let whole = at
        skipDigits()
        guard at > whole, at == whole + 1 || bytes[whole] != UInt8(ascii: "0") else {
            throw unexpected("a value", at: start)
        }
        var isInteger = true
        if skip(".") {
            isInteger = false
            let fraction = at
            skipDigits()
            guard at > fraction else { throw unexpected("a digit") }
        }
        if skip("e") || skip("E") {
            isInteger = false
            if !skip("-") { _ = skip("+") }
            let exponent = at
            skipDigits()
            guard at > exponent else { throw unexpected("a digit") }
        }
        let digits = String(decoding: bytes[start..<at], as: UTF8.self)
        // -0 is the one integer that would be written otherwise.
        if isInteger, let integer = Int64(digits), integer != 0 || whole == start { return .integer(integer) }
        return .raw(digits)
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONSyntaxError) -> JSON {
        let count = word.utf8CodeUnitCount
        guard at + count <= bytes.count, (0..<count).allSatisfy({ bytes[at + $0] == word.utf8Start[$0] }) else {
            throw unexpected("a value")
        }
        at += count
        return value
    }

    // MARK: Bytes

    private func peek() -> UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private mutating func skipDigits() {
        while at < bytes.count, bytes[at] &- UInt8(ascii: "0") <= 9 { at += 1 }
    }

    private mutating func skipSpace() {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return
            }
        }
    }

    private func unexpected(_ expectation: String, at offset: Int? = nil) -> JSONSyntaxError {
        JSONSyntaxError(offset: offset ?? at, expectation: expectation)
    }
}
