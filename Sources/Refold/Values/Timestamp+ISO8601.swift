extension Timestamp: LosslessStringConvertible {
    /// Reads a time as ISO 8601 writes it: `2024-03-01T12:30:00Z`, `2024-03-01 12:30:00.25+02:00`.
    ///
    /// A date, `T` or a space, a time with seconds and optionally a fraction (rounded to the microsecond), then `Z`, an
    /// offset (`+02`, `+0200`, `+02:00`) or nothing, which is UTC. Years have four digits, or a sign and four to six,
    /// year 0 being 1 BC. `24:00:00` and a 60th second are read as PostgreSQL reads them. Nil for anything else, and for
    /// moments that PostgreSQL cannot keep.
    public init?(_ text: String) {
        var text = text
        guard let timestamp = text.withUTF8({ Timestamp(iso8601: UnsafeRawBufferPointer($0)) }) else {
            return nil
        }
        self = timestamp
    }

    package init?(iso8601 bytes: UnsafeRawBufferPointer) {
        var reader = Reader(bytes: bytes)
        guard let microseconds = reader.timestamp() else {
            return nil
        }
        self.init(microseconds: microseconds)
    }

    /// ISO 8601 in UTC: `2024-03-01T12:30:00Z`, `2024-03-01T12:30:00.250000Z`; `infinity` and `-infinity`.
    public var description: String {
        guard isFinite else {
            return self == .infinity ? "infinity" : "-infinity"
        }
        let (second, microsecond) = rawValue.floorDivided(by: 1_000_000)
        let (day, secondOfDay) = second.floorDivided(by: 86_400)
        var text = Self.text(ofDay: day)
        text += "T\(Self.padded(secondOfDay / 3600, to: 2)):\(Self.padded(secondOfDay / 60 % 60, to: 2))"
        text += ":\(Self.padded(secondOfDay % 60, to: 2))"
        if microsecond != 0 {
            text += ".\(Self.padded(microsecond, to: 6))"
        }
        return text + "Z"
    }

    /// The date of a day counted from 2000-01-01: `2024-03-01`.
    static func text(ofDay day: Int64) -> String {
        let (year, month, dayOfMonth) = date(ofDay: day)
        let sign = (0...9999).contains(year) ? "" : year < 0 ? "-" : "+"
        return "\(sign)\(padded(abs(year), to: 4))-\(padded(month, to: 2))-\(padded(dayOfMonth, to: 2))"
    }

    static let microsecondsPerDay: Int64 = 86_400_000_000

    private static func padded(_ number: Int64, to digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    // Days are counted from 2000-01-01, in eras of 400 years that begin on a 1st of March, so that the leap day is a
    // year's last (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static let daysFromMarchOfYear0: Int64 = 730_425

    fileprivate static func day(year: Int64, month: Int64, dayOfMonth: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = shifted.floorDivided(by: 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + dayOfMonth - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - daysFromMarchOfYear0
    }

    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, dayOfMonth: Int64) {
        let (era, dayOfEra) = (day + daysFromMarchOfYear0).floorDivided(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}

/// Reads one timestamp from bytes, from the left.
private struct Reader {
    let bytes: UnsafeRawBufferPointer
    var at = 0

    init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    mutating func timestamp() -> Int64? {
        guard let day = day(), skip("T") || skip("t") || skip(" "), let microseconds = timeOfDay() else {
            return nil
        }
        guard let offset = offset(), at == bytes.count else {
            return nil
        }
        // The last day is a week from the end of 64 bits: nothing here overflows.
        let moment = day * Timestamp.microsecondsPerDay + microseconds - offset
        return Timestamp.moments.contains(moment) ? moment : nil
    }

    private mutating func day() -> Int64? {
        let sign: Int64? = skip("-") ? -1 : skip("+") ? 1 : nil
        guard let year = number(digits: sign == nil ? 4...4 : 4...6), skip("-"),
            let month = number(digits: 2...2), (1...12).contains(month), skip("-"),
            let dayOfMonth = number(digits: 2...2)
        else {
            return nil
        }
        let signedYear = (sign ?? 1) * year
        // PostgreSQL's last year, and its first, 4714 BC, of which it knows the last weeks.
        guard (-4713...294_276).contains(signedYear) else {
            return nil
        }
        let isLeap = signedYear % 4 == 0 && (signedYear % 100 != 0 || signedYear % 400 == 0)
        let days = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
        guard (1...Int64(days)).contains(dayOfMonth) else {
            return nil
        }
        return Timestamp.day(year: signedYear, month: month, dayOfMonth: dayOfMonth)
    }

    private mutating func timeOfDay() -> Int64? {
        guard let hour = number(digits: 2...2), skip(":"),
            let minute = number(digits: 2...2), minute < 60, skip(":"),
            let second = number(digits: 2...2), second <= 60
        else {
            return nil
        }
        var microseconds: Int64 = 0
        if skip(".") || skip(",") {
            guard let fraction = fraction() else {
                return nil
            }
            microseconds = fraction
        }
        let isEndOfDay = hour == 24 && minute == 0 && second == 0 && microseconds == 0
        guard hour < 24 || isEndOfDay else {
            return nil
        }
        return ((hour * 60 + minute) * 60 + second) * 1_000_000 + microseconds
    }

    /// The digits of a fraction of a second, in microseconds, the nearest.
    private mutating func fraction() -> Int64? {
        var microseconds: Int64 = 0
        var scale: Int64 = 100_000
        let first = at
        while let digit = digit() {
            if scale > 0 {
                microseconds += digit * scale
                scale /= 10
            } else if at - first == 7, digit >= 5 {
                microseconds += 1
            }
        }
        return at == first ? nil : microseconds
    }

    /// The offset from UTC in microseconds.
    private mutating func offset() -> Int64? {
        if at == bytes.count || skip("Z") || skip("z") {
            return 0
        }
        let isWest = skip("-")
        guard isWest || skip("+"), let hours = number(digits: 2...2), hours < 16 else {
            return nil
        }
        var minutes: Int64 = 0
        if at < bytes.count {
            _ = skip(":")
            guard let number = number(digits: 2...2), number < 60 else {
                return nil
            }
            minutes = number
        }
        let offset = (hours * 60 + minutes) * 60_000_000
        return isWest ? -offset : offset
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: character) else {
            return false
        }
        at += 1
        return true
    }

    private mutating func digit() -> Int64? {
        guard at < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at]) else {
            return nil
        }
        at += 1
        return Int64(bytes[at - 1] - UInt8(ascii: "0"))
    }

    private mutating func number(digits: ClosedRange<Int>) -> Int64? {
        var number: Int64 = 0
        var count = 0
        while count < digits.upperBound, let digit = digit() {
            number = number * 10 + digit
            count += 1
        }
        return count < digits.lowerBound ? nil : number
    }
}

extension Int64 {
    /// Quotient and remainder, the remainder never negative.
    func floorDivided(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
