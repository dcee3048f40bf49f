/// Walks over JSON text and says where its values begin and end, without making anything of them.
///
/// It accepts what RFC 8259 does, so what it has passed over is JSON; that the bytes are UTF-8 is not its business.
struct JSONScanner {
    /// What was expected where the text stopped being JSON.
    struct Failure: Error {
        let offset: Int
        let expectation: String
    }

    private let bytes: UnsafeRawBufferPointer
    private(set) var at: Int
    private let end: Int
    private var depth = 0

    private static let deepest = 512

    /// - Parameter range: the part of the bytes that holds one JSON text.
    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        self.bytes = bytes
        at = range.lowerBound
        end = range.upperBound
    }

    /// Passes over an object, and hands out the name and the value of each member: the name without its quotes, but with
    /// its escapes.
    mutating func scanObject<E: Error>(
        _ member: (_ name: Range<Int>, _ value: Range<Int>) throws(E) -> Void
    ) throws(E) -> Failure? {
        skipSpace()
        guard skip(UInt8(ascii: "{")) else { return failure("an object") }
        depth += 1
        guard depth <= Self.deepest else { return failure("no more than \(Self.deepest) levels") }
        skipSpace()
        if !skip(UInt8(ascii: "}")) {
            repeat {
                skipSpace()
                let nameStart = at + 1
                guard peek() == UInt8(ascii: "\"") else { return failure("a member's name") }
                if let failure = skipString() { return failure }
                let name = nameStart..<(at - 1)
                skipSpace()
                guard skip(UInt8(ascii: ":")) else { return failure("a colon") }
                skipSpace()
                let valueStart = at
                if let failure = skipValue() { return failure }
                try member(name, valueStart..<at)
                skipSpace()
            } while skip(UInt8(ascii: ","))
            guard skip(UInt8(ascii: "}")) else { return failure("a comma or the object's end") }
        }
        depth -= 1
        return nil
    }

    /// Says that nothing but space follows.
    mutating func scanEnd() -> Failure? {
        skipSpace()
        return at == end ? nil : failure("nothing more")
    }

    // MARK: Values

    private mutating func skipValue() -> Failure? {
        switch peek() {
        case UInt8(ascii: "{"): return scanObject { (_, _) throws(Never) in }
        case UInt8(ascii: "["): return skipArray()
        case UInt8(ascii: "\""): return skipString()
        case UInt8(ascii: "t"): return skipWord("true")
        case UInt8(ascii: "f"): return skipWord("false")
        case UInt8(ascii: "n"): return skipWord("null")
        default: return skipNumber()
        }
    }

    private mutating func skipArray() -> Failure? {
        at += 1
        depth += 1
        guard depth <= Self.deepest else { return failure("no more than \(Self.deepest) levels") }
        skipSpace()
        if !skip(UInt8(ascii: "]")) {
            repeat {
                skipSpace()
                if let failure = skipValue() { return failure }
                skipSpace()
            } while skip(UInt8(ascii: ","))
            guard skip(UInt8(ascii: "]")) else { return failure("a comma or the array's end") }
        }
        depth -= 1
        return nil
    }

    private mutating func skipString() -> Failure? {
        at += 1
        while at < end {
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "\"") { return nil }
            if byte < 0x20 {
                at -= 1
                return failure("no control character")
            }
            if byte == UInt8(ascii: "\\"), let failure = skipEscape() { return failure }
        }
        return failure("the string's end")
    }

    private mutating func skipEscape() -> Failure? {
        switch peek() {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            at += 1
            return nil
        case UInt8(ascii: "u"):
            at += 1
            for _ in 0..<4 {
                guard let digit = peek(), Self.isHexadecimal(digit) else { return failure("four hexadecimal digits") }
                at += 1
            }
            return nil
        default:
            return failure("an escape")
        }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    private mutating func skipNumber() -> Failure? {
        let start = at
        _ = skip(UInt8(ascii: "-"))
        let whole = at
        skipDigits()
        guard at > whole, at == whole + 1 || bytes[whole] != UInt8(ascii: "0") else {
            at = start
            return failure("a value")
        }
        if skip(UInt8(ascii: ".")) {
            let fraction = at
            skipDigits()
            guard at > fraction else { return failure("a digit") }
        }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            if !skip(UInt8(ascii: "-")) { _ = skip(UInt8(ascii: "+")) }
            let exponent = at
            skipDigits()
            guard at > exponent else { return failure("a digit") }
        }
        return nil
    }

    private mutating func skipWord(_ word: StaticString) -> Failure? {
        let count = word.utf8CodeUnitCount
        for index in 0..<count {
            guard at + index < end, bytes[at + index] == word.utf8Start[index] else { return failure("a value") }
        }
        at += count
        return nil
    }

    // MARK: Bytes

    private func peek() -> UInt8? { at < end ? bytes[at] : nil }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard at < end, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func skipDigits() {
        while at < end, bytes[at] &- UInt8(ascii: "0") <= 9 { at += 1 }
    }

    private mutating func skipSpace() {
        while at < end, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 { at += 1 }
    }

    private func failure(_ expectation: String) -> Failure { Failure(offset: at, expectation: expectation) }
}
