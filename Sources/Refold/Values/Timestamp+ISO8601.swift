extension Timestamp: LosslessStringConvertible {
    /// Reads a time as ISO 8601 writes it: `2024-03-01T12:30:00Z`, `2024-03-01 12:30:00.25+02:00`.
    ///
    /// A date, `T` or a space, a time with seconds and optionally a fraction (rounded to the microsecond), then `Z`, an
    /// offset (`+02`, `+0200`, `+02:00`) or nothing, which is UTC. Years have four digits, or a sign and four to six,
    /// year 0 being 1 BC. `24:00:00` and a 60th second are read as PostgreSQL reads them. Nil for anything else, and
    /// for moments that PostgreSQL cannot keep.
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
        var text: [UInt8] = []
        text.appendISO8601(self, alwaysFraction: false)
        return String(decoding: text, as: UTF8.self)
    }

    static let microsecondsPerDay: Int64 = 86_400_000_000
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
        return CivilDate(year: signedYear, month: month, day: dayOfMonth).daysSince2000
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
