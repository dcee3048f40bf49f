internal import CSimdjson
internal import Glibc

/// Walks over JSON text (RFC 8259) and finds where its values begin and end, without decoding them.
///
/// It does not check that the bytes are UTF-8.
package struct JSONScanner {
    let bytes: UnsafeRawBufferPointer
    let end: Int
    /// The byte that comes next.
    var at: Int
    private var depth = 0
    /// Whether a bracket was opened and nothing after it is passed.
    private var isAtFirst = false

    private let rules: Rules
    /// Whether a member's name that is no text, because half of a surrogate pair is in it, is refused.
    var refusesBrokenNames = false

    /// What is refused.
    enum Rules {
        /// Any text that is not JSON.
        case json(deepest: Int)
        /// Text without the structure of JSON. Parts that are not read are not validated: neither numbers nor the
        /// contents of strings, nor the depth of nesting.
        case structure
    }

    /// For a text that is to be JSON.
    ///
    /// - Parameters:
    ///   - range: the part of the bytes that holds one JSON text.
    ///   - deepest: how many levels deep it may be nested.
    package init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, deepest: Int = JSON.deepest) {
        self.init(bytes, range, .json(deepest: deepest))
    }

    /// For a text that a database has taken for JSON: what is passed over is not validated, however deep it is.
    package init(structureOf bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self.init(bytes, range, .structure)
    }

    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ rules: Rules) {
        self.bytes = bytes
        self.rules = rules
        at = range.lowerBound
        end = range.upperBound
    }

    /// The next member of a text that is one object; nil once all of the text is passed.
    ///
    /// The name comes without its quotes, but with its escapes.
    package mutating func nextMember() throws(JSONSyntaxError) -> (name: Range<Int>, value: Range<Int>)? {
        if depth == 0 {
            skipSpace()
            guard skip(UInt8(ascii: "{")) else { throw unexpected("an object") }
            try enter()
        }
        guard try goToName() else {
            try passEnd()
            return nil
        }
        let nameStart = at + 1
        try skipString()
        let name = nameStart..<(at - 1)
        try passColon()
        let valueStart = at
        try skipValue()
        return (name, valueStart..<at)
    }

    /// Whether a member's name is a text, byte by byte, however it is escaped.
    package func isName(_ name: Range<Int>, _ text: String) -> Bool {
        let raw = bytes[name]
        guard raw.contains(UInt8(ascii: "\\")) else { return raw.elementsEqual(text.utf8) }
        let decoded = try? JSON(parsing: "\"\(String(decoding: raw, as: UTF8.self))\"").asText
        return decoded?.utf8.elementsEqual(text.utf8) ?? false
    }

    /// Whether the text begins with an object.
    var isAtObject: Bool {
        mutating get {
            skipSpace()
            return peek() == UInt8(ascii: "{")
        }
    }

    /// Whether all of the text is passed.
    var isAtEnd: Bool { at == end }

    /// The next element of a text that is one array; nil once all of the text is passed.
    mutating func nextElement() throws(JSONSyntaxError) -> Range<Int>? {
        if depth == 0 {
            skipSpace()
            guard skip(UInt8(ascii: "[")) else { throw unexpected("an array") }
            try enter()
        }
        guard try goToElement() else {
            try passEnd()
            return nil
        }
        let start = at
        try skipValue()
        return start..<at
    }

    // MARK: Arrays and objects

    /// Counts one level more for a bracket, which the caller passes.
    mutating func enter() throws(JSONSyntaxError) {
        depth += 1
        if case .json(let deepest) = rules, depth > deepest { throw unexpected("no more than \(deepest) levels") }
        isAtFirst = true
    }

    /// Goes to the next member's name; false once the object is passed.
    mutating func goToName() throws(JSONSyntaxError) -> Bool {
        guard try goOn(until: UInt8(ascii: "}"), "the object's end") else { return false }
        guard peek() == UInt8(ascii: "\"") else { throw unexpected("a member's name") }
        return true
    }

    /// Goes from a member's name to its value.
    mutating func passColon() throws(JSONSyntaxError) {
        skipSpace()
        guard skip(UInt8(ascii: ":")) else { throw unexpected("a colon") }
        skipSpace()
    }

    /// Goes to the array's next value; false once the array is passed.
    mutating func goToElement() throws(JSONSyntaxError) -> Bool {
        try goOn(until: UInt8(ascii: "]"), "the array's end")
    }

    private mutating func goOn(until bracket: UInt8, _ name: StaticString) throws(JSONSyntaxError) -> Bool {
        skipSpace()
        if isAtFirst {
            isAtFirst = false
            if !skip(bracket) { return true }
        } else {
            if skip(UInt8(ascii: ",")) {
                skipSpace()
                return true
            }
            guard skip(bracket) else { throw unexpected("a comma or \(name)") }
        }
        depth -= 1
        return false
    }

    /// Says that nothing but space follows.
    mutating func passEnd() throws(JSONSyntaxError) {
        skipSpace()
        guard at == end else { throw unexpected("nothing more") }
    }

    // MARK: Values

    /// Without recursion, since the depth may be unlimited.
    private mutating func skipValue() throws(JSONSyntaxError) {
        let outside = depth
        /// For each open bracket whether it is an object's.
        var isObject: [Bool] = []
        repeat {
            switch peek() {
            case UInt8(ascii: "{"):
                at += 1
                try enter()
                isObject.append(true)
            case UInt8(ascii: "["):
                at += 1
                try enter()
                isObject.append(false)
            case UInt8(ascii: "\""): try skipString()
            default: try skipScalar()
            }
            // Moves to the next value, out of every array and object that ends here.
            while let isWithinObject = isObject.last {
                if isWithinObject, try goToName() {
                    try skipString()
                    try passColon()
                    break
                }
                if !isWithinObject, try goToElement() { break }
                isObject.removeLast()
            }
        } while depth > outside
    }

    private mutating func skipScalar() throws(JSONSyntaxError) {
        switch rules {
        case .json:
            switch peek() {
            case UInt8(ascii: "t"): try skipWord("true")
            case UInt8(ascii: "f"): try skipWord("false")
            case UInt8(ascii: "n"): try skipWord("null")
            default: try skipNumber()
            }
        case .structure:
            let start = at
            while let byte = peek(), !Self.endsScalar(byte) { at += 1 }
            guard at > start else { throw unexpected("a value") }
        }
    }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x20, 0x0A, 0x0D, 0x09: true
        case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "\""): true
        case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"): true
        default: false
        }
    }

    private mutating func skipString() throws(JSONSyntaxError) {
        guard case .json = rules else {
            _ = try passString()
            return
        }
        let start = at + 1
        let content: Slice<UnsafeRawBufferPointer>
        do throws(JSONSyntaxError) {
            let string = try passString()
            if !string.hasEscapes { return }
            content = string.content
        } catch {
            // An escape before the place where the string is wrong is named first.
            _ = try unescaped(bytes[start..<at])
            throw error
        }
        _ = try unescaped(content)
    }

    /// Passes the string that begins here; its escapes are not checked.
    ///
    /// - Returns: what stands between its quotes, and whether there are escapes in it.
    mutating func passString() throws(JSONSyntaxError) -> (content: Slice<UnsafeRawBufferPointer>, hasEscapes: Bool) {
        at += 1
        let start = at
        if case .structure = rules, let end = plainStringEnd() {
            at = end + 1
            return (bytes[start..<end], false)
        }
        var hasEscapes = false
        while let byte = peek(), byte != UInt8(ascii: "\"") {
            if byte < 0x20, case .json = rules { throw unexpected("no control character") }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                at += 1
            }
            at += 1
        }
        guard at < end else {
            at = end
            throw unexpected("the string's end")
        }
        at += 1
        return (bytes[start..<(at - 1)], hasEscapes)
    }

    /// Where the string that goes on here ends, unless there are escapes in it.
    private func plainStringEnd() -> Int? {
        guard let here = bytes.baseAddress.map({ $0 + at }), at < end,
            let quote = memchr(here, Int32(UInt8(ascii: "\"")), end - at)
        else { return nil }
        let count = here.distance(to: UnsafeRawPointer(quote))
        return memchr(here, Int32(UInt8(ascii: "\\")), count) == nil ? at + count : nil
    }

    /// The text that the contents of a string encode; nil when they have half of a surrogate pair, which no text can
    /// hold.
    func unescaped(_ content: Slice<UnsafeRawBufferPointer>) throws(JSONSyntaxError) -> String? {
        let escaped = UnsafeRawBufferPointer(rebasing: content)
        let (decoded, text) = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: escaped.count) { decoded in
            let text = refold_unescape(escaped.baseAddress, escaped.count, decoded.baseAddress)
            let isText = text.malformed == REFOLD_TEXT_OK && !text.has_lone_surrogate
            return (isText ? String(decoding: decoded[..<text.length], as: UTF8.self) : nil, text)
        }
        let place = content.startIndex + text.length
        switch text.malformed {
        case REFOLD_TEXT_OK: return decoded
        case REFOLD_TEXT_BAD_CODE_UNIT: throw unexpected("four hexadecimal digits", at: place)
        case REFOLD_TEXT_NOT_UTF8: throw unexpected("UTF-8", at: place)
        default: throw unexpected("an escape", at: place)
        }
    }

    /// - Returns: whether it is written as an integer.
    @discardableResult
    mutating func skipNumber() throws(JSONSyntaxError) -> Bool {
        let start = at
        _ = skip(UInt8(ascii: "-"))
        let whole = at
        skipDigits()
        guard at > whole, at == whole + 1 || bytes[whole] != UInt8(ascii: "0") else {
            at = start
            throw unexpected("a value")
        }
        let wholeEnd = at
        if skip(UInt8(ascii: ".")) { try passDigits() }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            if !skip(UInt8(ascii: "-")) { _ = skip(UInt8(ascii: "+")) }
            try passDigits()
        }
        return at == wholeEnd
    }

    private mutating func passDigits() throws(JSONSyntaxError) {
        let start = at
        skipDigits()
        guard at > start else { throw unexpected("a digit") }
    }

    mutating func skipWord(_ word: StaticString) throws(JSONSyntaxError) {
        let count = word.utf8CodeUnitCount
        for index in 0..<count {
            guard at + index < end, bytes[at + index] == word.utf8Start[index] else { throw unexpected("a value") }
        }
        at += count
    }

    // MARK: Bytes

    func peek() -> UInt8? { at < end ? bytes[at] : nil }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard at < end, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func skipDigits() {
        while at < end, bytes[at] &- UInt8(ascii: "0") <= 9 { at += 1 }
    }

    mutating func skipSpace() {
        while at < end, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 { at += 1 }
    }

    func unexpected(_ expectation: String, at offset: Int? = nil) -> JSONSyntaxError {
        JSONSyntaxError(offset: offset ?? at, expectation: expectation)
    }
}
