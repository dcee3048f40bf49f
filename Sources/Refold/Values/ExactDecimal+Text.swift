extension ExactDecimal: LosslessStringConvertible {
    /// Reads a number as JSON writes it: `12.50`, `-3`, `1.5e3`.
    ///
    /// Nil for anything else, and for a number that does not fit (more than 38 digits, or more than 38 behind the
    /// point, trailing zeros aside).
    public init?(_ text: String) {
        var text = text
        guard case .value(let value) = text.withUTF8({ ExactDecimal.read(UnsafeRawBufferPointer($0)) }) else {
            return nil
        }
        self = value
    }

    /// The number in decimal, without an exponent and without needless zeros: `1500`, `0.3`, `-12.5`.
    public var description: String {
        var digits = String(coefficient.magnitude)
        if scale > 0 {
            if digits.utf8.count <= scale {
                digits = String(repeating: "0", count: scale + 1 - digits.utf8.count) + digits
            }
            digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -scale))
        }
        return isNegative ? "-" + digits : digits
    }

    /// What a text is as a decimal.
    enum Reading: Equatable {
        case value(ExactDecimal)
        /// A number whose digits do not fit.
        case doesNotFit
        case notANumber
    }

    /// Reads the UTF-8 of a JSON number (RFC 8259, section 6), all of it.
    static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
        var reader = DecimalReader(bytes: bytes)
        return reader.read()
    }
}

/// Takes a JSON number apart.
private struct DecimalReader {
    let bytes: UnsafeRawBufferPointer
    var at = 0
    /// The digits from the first that is not 0 to the last that is not 0.
    var magnitude: UInt128 = 0
    var digits = 0
    /// Zeros behind the last digit that is not 0.
    var zeros = 0

    init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    mutating func read() -> ExactDecimal.Reading {
        let isNegative = skip("-")
        let whole = at
        takeDigits()
        // There must be a whole part, and only 0 itself begins with a 0.
        guard at > whole, at == whole + 1 || bytes[whole] != UInt8(ascii: "0") else { return .notANumber }
        var fractionDigits = 0
        if skip(".") {
            let fraction = at
            takeDigits()
            fractionDigits = at - fraction
            guard fractionDigits > 0 else { return .notANumber }
        }
        guard let exponent = exponent(), at == bytes.count else { return .notANumber }
        if digits == 0 { return .value(.zero) }
        guard digits <= ExactDecimal.maximumDigits else { return .doesNotFit }
        guard
            let value = ExactDecimal(
                isNegative: isNegative,
                magnitude: magnitude,
                scale: fractionDigits - zeros - exponent
            )
        else { return .doesNotFit }
        return .value(value)
    }

    private mutating func takeDigits() {
        while at < bytes.count, case let digit = bytes[at] &- UInt8(ascii: "0"), digit <= 9 {
            at += 1
            if digit == 0 {
                if digits > 0 { zeros += 1 }
                continue
            }
            digits += zeros + 1
            // Beyond 38 digits only their number matters.
            if digits <= ExactDecimal.maximumDigits {
                magnitude = magnitude * ExactDecimal.power(of: zeros + 1) + UInt128(digit)
            }
            zeros = 0
        }
    }

    /// What follows the `e`, clamped to ±10^12, which no number of digits can offset; 0 when there is none.
    private mutating func exponent() -> Int? {
        guard skip("e") || skip("E") else { return 0 }
        let isNegative = skip("-")
        if !isNegative { _ = skip("+") }
        let first = at
        var exponent = 0
        while at < bytes.count, case let digit = bytes[at] &- UInt8(ascii: "0"), digit <= 9 {
            if exponent < 1_000_000_000_000 { exponent = exponent * 10 + Int(digit) }
            at += 1
        }
        return at == first ? nil : isNegative ? -exponent : exponent
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }
}
