/// Numbers, days and times appended as text to UTF-8: writing them for each of a million events or rows leaves no time
/// for strings in between.
extension [UInt8] {
    /// A number in decimal.
    package mutating func appendDecimal(_ number: Int64) {
        if number < 0 { append(UInt8(ascii: "-")) }
        appendDigits(number.magnitude, atLeast: 1)
    }

    /// A date: `2024-03-01`. Years beyond four digits have a sign.
    mutating func appendDate(daysSince2000 days: Int64) {
        let date = CivilDate(daysSince2000: days)
        if !(0...9999).contains(date.year) { append(UInt8(ascii: date.year < 0 ? "-" : "+")) }
        appendDigits(date.year.magnitude, atLeast: 4)
        append(UInt8(ascii: "-"))
        appendDigits(date.month.magnitude, atLeast: 2)
        append(UInt8(ascii: "-"))
        appendDigits(date.day.magnitude, atLeast: 2)
    }

    /// A finite moment in UTC as ISO 8601 writes it: `2024-03-01T12:30:00.250000Z`.
    ///
    /// - Parameter alwaysFraction: six digits follow the seconds even when they are zeros.
    mutating func appendISO8601(_ timestamp: Timestamp, alwaysFraction: Bool) {
        let (day, timeOfDay) = timestamp.rawValue.floorDivided(by: Timestamp.microsecondsPerDay)
        appendDate(daysSince2000: day)
        append(UInt8(ascii: "T"))
        appendDigits((timeOfDay / 3_600_000_000).magnitude, atLeast: 2)
        append(UInt8(ascii: ":"))
        appendDigits((timeOfDay / 60_000_000 % 60).magnitude, atLeast: 2)
        append(UInt8(ascii: ":"))
        appendDigits((timeOfDay / 1_000_000 % 60).magnitude, atLeast: 2)
        if alwaysFraction || timeOfDay % 1_000_000 != 0 {
            append(UInt8(ascii: "."))
            appendDigits((timeOfDay % 1_000_000).magnitude, atLeast: 6)
        }
        append(UInt8(ascii: "Z"))
    }

    private mutating func appendDigits(_ number: UInt64, atLeast width: Int) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var start = 20
            var rest = number
            while rest > 0 || start > 20 - width {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            append(contentsOf: digits[start...])
        }
    }
}
