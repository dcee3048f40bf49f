/// Walks over JSON text (RFC 8259) and says where its values begin and end, without making anything of them.
///
/// What it has passed over is JSON; that the bytes are UTF-8 is not its business. At most 512 arrays and objects may stand
/// within one another.
package struct JSONScanner {
    let bytes: UnsafeRawBufferPointer
    let end: Int
    /// The byte that comes next.
    var at: Int
    private var depth = 0
    /// Whether a bracket was opened and nothing after it is passed.
    private var isAtFirst = false

    private static let deepest = 512

    /// - Parameter range: the part of the bytes that holds one JSON text.
    package init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self.bytes = bytes
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

    // MARK: Arrays and objects

    /// Counts one level more for a bracket, which the caller passes.
    mutating func enter() throws(JSONSyntaxError) {
        depth += 1
        guard depth <= Self.deepest else { throw unexpected("no more than \(Self.deepest) levels") }
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

    private mutating func skipValue() throws(JSONSyntaxError) {
        switch peek() {
        case UInt8(ascii: "{"):
            at += 1
            try enter()
            while try goToName() {
                try skipString()
                try passColon()
                try skipValue()
            }
        case UInt8(ascii: "["):
            at += 1
            try enter()
            while try goToElement() { try skipValue() }
        case UInt8(ascii: "\""): try skipString()
        case UInt8(ascii: "t"): try skipWord("true")
        case UInt8(ascii: "f"): try skipWord("false")
        case UInt8(ascii: "n"): try skipWord("null")
        default: try skipNumber()
        }
    }

    private mutating func skipString() throws(JSONSyntaxError) {
        at += 1
        while at < end {
            let byte = bytes[at]
            if byte < 0x20 { throw unexpected("no control character") }
            at += 1
            if byte == UInt8(ascii: "\"") { return }
            if byte == UInt8(ascii: "\\") { try skipEscape() }
        }
        throw unexpected("the string's end")
    }

    private mutating func skipEscape() throws(JSONSyntaxError) {
        if skip(UInt8(ascii: "u")) {
            for _ in 0..<4 {
                guard let digit = peek(), Self.hexadecimal(digit) != nil else {
                    throw unexpected("four hexadecimal digits")
                }
                at += 1
            }
        } else {
            guard let letter = peek(), Self.escape(letter) != nil else { throw unexpected("an escape") }
            at += 1
        }
    }

    /// What a backslash and this letter stand for; u is not among them.
    static func escape(_ letter: UInt8) -> Unicode.Scalar? {
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): Unicode.Scalar(letter)
        case UInt8(ascii: "b"): "\u{8}"
        case UInt8(ascii: "f"): "\u{C}"
        case UInt8(ascii: "n"): "\n"
        case UInt8(ascii: "r"): "\r"
        case UInt8(ascii: "t"): "\t"
        default: nil
        }
    }

    /// The value of a hexadecimal digit.
    static func hexadecimal(_ digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(digit - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(digit - UInt8(ascii: "A") + 10)
        default: nil
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
