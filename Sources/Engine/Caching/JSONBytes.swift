internal import Refold

/// JSON's scalars, written without strings in between: a cached window has thousands of rows with ten columns each.
extension [UInt8] {
    /// A number in decimal.
    mutating func appendDecimal(_ number: Int64) {
        if number < 0 { append(UInt8(ascii: "-")) }
        appendDigits(number.magnitude, atLeast: 1)
    }

    /// The shortest number that reads back the same; what is no number in JSON as a text, as PostgreSQL has it.
    mutating func appendJSON(_ number: Double) {
        guard number.isFinite else {
            return append(contentsOf: (number.isNaN ? #""NaN""# : number < 0 ? #""-Infinity""# : #""Infinity""#).utf8)
        }
        var text = number.description
        text.withUTF8 { digits in
            // "100.0" is longer than it has to be.
            let isWhole = digits.count > 2 && digits[digits.count - 2] == UInt8(ascii: ".") && digits.last == 0x30
            append(contentsOf: isWhole ? digits.dropLast(2) : digits[...])
        }
    }

    /// `\x` and two digits for each byte, as PostgreSQL writes `bytea`.
    mutating func appendJSON(hexadecimal bytes: UnsafeRawBufferPointer) {
        append(contentsOf: #""\\x"#.utf8)
        let digits: StaticString = "0123456789abcdef"
        for byte in bytes {
            append(digits.utf8Start[Int(byte >> 4)])
            append(digits.utf8Start[Int(byte & 15)])
        }
        append(UInt8(ascii: "\""))
    }

    /// A time in microseconds since 2000-01-01 UTC: `"2024-03-01T12:30:00.250000Z"`; `"infinity"`, `"-infinity"`. Years
    /// beyond four digits have a sign.
    mutating func appendJSON(timestamp microseconds: Int64) {
        guard microseconds != .max && microseconds != .min else {
            return append(contentsOf: (microseconds == .max ? #""infinity""# : #""-infinity""#).utf8)
        }
        let (day, timeOfDay) = microseconds.floorDivided(by: 86_400_000_000)
        let date = CivilDate(dayOf2000: day)
        append(UInt8(ascii: "\""))
        if !(0...9999).contains(date.year) { append(UInt8(ascii: date.year < 0 ? "-" : "+")) }
        appendDigits(date.year.magnitude, atLeast: 4)
        append(UInt8(ascii: "-"))
        appendDigits(date.month.magnitude, atLeast: 2)
        append(UInt8(ascii: "-"))
        appendDigits(date.day.magnitude, atLeast: 2)
        append(UInt8(ascii: "T"))
        appendDigits((timeOfDay / 3_600_000_000).magnitude, atLeast: 2)
        append(UInt8(ascii: ":"))
        appendDigits((timeOfDay / 60_000_000 % 60).magnitude, atLeast: 2)
        append(UInt8(ascii: ":"))
        appendDigits((timeOfDay / 1_000_000 % 60).magnitude, atLeast: 2)
        append(UInt8(ascii: "."))
        appendDigits((timeOfDay % 1_000_000).magnitude, atLeast: 6)
        append(contentsOf: #"Z""#.utf8)
    }

    /// A day: `"2024-03-01"`; `"infinity"`, `"-infinity"`. Years beyond four digits have a sign.
    mutating func appendJSON(day: Day) {
        append(UInt8(ascii: "\""))
        append(contentsOf: day.description.utf8)
        append(UInt8(ascii: "\""))
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

/// A day of the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms": eras of 400 years that
/// begin on a 1st of March, so that the leap day is a year's last).
private struct CivilDate {
    let year: Int64
    let month: Int64
    let day: Int64

    init(dayOf2000: Int64) {
        // 2000-03-01 began an era.
        let (era, dayOfEra) = (dayOf2000 - 60).floorDivided(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        year = 2000 + era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }
}

extension Int64 {
    /// Quotient and remainder, the remainder never negative.
    fileprivate func floorDivided(by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
