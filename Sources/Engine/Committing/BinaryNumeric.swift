internal import Postgres
internal import Refold

/// PostgreSQL's binary form of `numeric`: the number of digits in base 10,000, the power of 10,000 of the first one, the
/// sign, the decimal digits behind the point that are shown, then the digits, each of them 16 bits (`numeric_send` in
/// `numeric.c`).
enum BinaryNumeric {
    fileprivate static let positive: UInt16 = 0
    fileprivate static let negative: UInt16 = 0x4000
    private static let headerBytes = 8

    /// The exact value.
    ///
    /// - Throws: ``EngineError/Code/unreadableRow`` for NaN, an infinity, or more digits than an `ExactDecimal` has: rows have
    ///   none of these unless another program wrote them.
    static func decimal(_ bytes: UnsafeRawBufferPointer) throws -> ExactDecimal {
        func int16(_ offset: Int) -> UInt16 {
            UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        }
        guard bytes.count >= headerBytes else { throw unreadable }
        let count = Int(int16(0))
        let weight = Int(Int16(bitPattern: int16(2)))
        let sign = int16(4)
        guard sign == positive || sign == negative, bytes.count == headerBytes + count * 2 else { throw unreadable }
        var coefficient: Int128 = 0
        for place in 0..<count {
            let digit = Int128(int16(headerBytes + place * 2))
            guard digit < 10_000 else { throw unreadable }
            // The last digit's zeros behind the point may be one too many for 128 bits.
            if place == count - 1, weight - place < 0 {
                let (digit, zeros) = trimmed(digit)
                let value = try appended(digit, of: 4 - zeros, to: coefficient)
                return try made(value, sign, scale: 4 * (place - weight) - zeros)
            }
            coefficient = try appended(digit, of: 4, to: coefficient)
        }
        // Digits of 0 at the end are left out.
        return try made(coefficient, sign, scale: -4 * (weight - count + 1))
    }

    private static func made(_ coefficient: Int128, _ sign: UInt16, scale: Int) throws -> ExactDecimal {
        if coefficient == 0 { return .zero }
        guard let decimal = ExactDecimal(coefficient: sign == negative ? -coefficient : coefficient, scale: scale)
        else {
            throw unreadable
        }
        return decimal
    }

    private static func trimmed(_ digit: Int128) -> (digit: Int128, zeros: Int) {
        var (digit, zeros) = (digit, 0)
        while zeros < 3, digit % 10 == 0 { (digit, zeros) = (digit / 10, zeros + 1) }
        return (digit, zeros)
    }

    private static func appended(_ digit: Int128, of places: Int, to coefficient: Int128) throws -> Int128 {
        let (product, isTooLong) = coefficient.multipliedReportingOverflow(by: Int128(powerOfTen(places)))
        let (sum, isStillTooLong) = product.addingReportingOverflow(digit)
        if isTooLong || isStillTooLong { throw unreadable }
        return sum
    }

    /// 10 to the 0th to 4th.
    fileprivate static func powerOfTen(_ exponent: Int) -> UInt16 {
        switch exponent {
        case 0: 1
        case 1: 10
        case 2: 100
        case 3: 1_000
        default: 10_000
        }
    }

    private static var unreadable: EngineError {
        EngineError(
            .unreadableRow,
            "a row holds a numeric value that no projection wrote: NaN, an infinity, or more than 38 digits",
            remedy: "rebuild the projection, and see who writes to schema refold_data"
        )
    }
}

extension BinaryFields {
    /// Appends a `numeric`.
    mutating func append(_ decimal: ExactDecimal) {
        let (whole, fraction) = decimal.parts
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 28) { words in
            // Whole digits fill the buffer from the middle to the left, the fraction's from the middle to the right; the
            // header goes before them.
            let header = 4
            let point = header + 11
            var first = point
            var rest = whole
            while rest > 0 {
                first -= 1
                words[first] = UInt16(rest % 10_000)
                rest /= 10_000
            }
            var end = point + (decimal.scale + 3) / 4
            rest = fraction
            for place in stride(from: end - 1, through: point, by: -1) {
                // The last digit in base 10,000 may have fewer than four decimal ones.
                let places = place == end - 1 && decimal.scale % 4 > 0 ? decimal.scale % 4 : 4
                let power = UInt128(BinaryNumeric.powerOfTen(places))
                words[place] = UInt16(rest % power) * BinaryNumeric.powerOfTen(4 - places)
                rest /= power
            }
            while first < end, words[first] == 0 { first += 1 }
            while end > first, words[end - 1] == 0 { end -= 1 }
            let start = first - header
            words[start] = UInt16(end - first)
            words[start + 1] = UInt16(bitPattern: Int16(first == end ? 0 : point - 1 - first))
            words[start + 2] = decimal.isNegative ? BinaryNumeric.negative : BinaryNumeric.positive
            words[start + 3] = UInt16(decimal.scale)
            for place in start..<end { words[place] = words[place].bigEndian }
            append(bytes: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: words[start..<end])))
        }
    }
}

extension ExactDecimal {
    /// The digits before the point and those behind it, without the sign.
    fileprivate var parts: (whole: UInt128, fraction: UInt128) {
        var power: UInt128 = 1
        for _ in 0..<scale { power *= 10 }
        let (whole, fraction) = coefficient.magnitude.quotientAndRemainder(dividingBy: power)
        return (whole, fraction)
    }
}

extension Day {
    /// The binary form of `date`.
    var binary: [UInt8] { withUnsafeBytes(of: rawValue.bigEndian) { Array($0) } }
}

extension Timestamp {
    /// The binary form of `timestamptz`.
    var binary: [UInt8] { withUnsafeBytes(of: rawValue.bigEndian) { Array($0) } }
}
