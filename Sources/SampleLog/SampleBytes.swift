/// Text and binary numbers appended to bytes: a million events leave no room for `String` in between.
extension [UInt8] {
    mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(number: Int) {
        if number < 0 { append(0x2D) }
        let start = count
        var rest = number.magnitude
        repeat {
            append(UInt8(0x30 + rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }

    /// Appends exactly `digits` decimal digits, with leading zeros.
    mutating func append(number: Int, digits: Int) {
        let start = count
        var rest = number
        for _ in 0..<digits {
            append(UInt8(0x30 + rest % 10))
            rest /= 10
        }
        self[start...].reverse()
    }

    mutating func append(id: SampleID) {
        for nibble in 0..<32 {
            if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 { append(0x2D) }
            let word = nibble < 16 ? id.high : id.low
            let value = UInt8((word >> UInt64(60 - (nibble & 15) * 4)) & 15)
            append(value < 10 ? 0x30 + value : 0x57 + value)
        }
    }

    /// Appends a JSON string: quoted, with quotes, backslashes and control characters escaped.
    mutating func append(json text: String) {
        append(0x22)
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5C:
                append(0x5C)
                append(byte)
            case 0..<0x20:
                append("\\u00")
                append(number: Int(byte >> 4), digits: 1)
                append(byte & 15 < 10 ? 0x30 + (byte & 15) : 0x57 + (byte & 15))
            default:
                append(byte)
            }
        }
        append(0x22)
    }

    /// Appends microseconds since 2000-01-01T00:00:00Z as ISO-8601 text in UTC, quoted.
    mutating func append(timestamp: Int64) {
        let seconds = timestamp.quotientFlooring(by: 1_000_000)
        let days = seconds.quotientFlooring(by: 86_400)
        let second = Int(seconds - days * 86_400)
        // Civil from days, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"; 2000-01-01 is day
        // 730,425 of the era that begins on 0000-03-01.
        let shifted = days + 730_425
        let era = shifted.quotientFlooring(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        append(0x22)
        append(number: Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0), digits: 4)
        append(0x2D)
        append(number: Int(month), digits: 2)
        append(0x2D)
        append(number: Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1), digits: 2)
        append(0x54)
        append(number: second / 3_600, digits: 2)
        append(0x3A)
        append(number: second / 60 % 60, digits: 2)
        append(0x3A)
        append(number: second % 60, digits: 2)
        append(0x2E)
        append(number: Int(timestamp - seconds * 1_000_000), digits: 6)
        append("Z\"")
    }
}

extension Int64 {
    fileprivate func quotientFlooring(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
