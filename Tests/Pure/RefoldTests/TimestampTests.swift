import Refold
import Testing

@Suite("Timestamps")
struct TimestampTests {
    @Test(
        "ISO 8601 is read as PostgreSQL reads it",
        arguments: [
            ("2000-01-01T00:00:00Z", 0), ("2000-01-01T00:00:00", 0), ("2000-01-01 00:00:00+00", 0),
            ("1999-12-31T23:59:59.999999Z", -1), ("2020-01-01T00:00:00Z", 631_152_000_000_000),
            ("2024-02-29T12:30:45.25Z", 762_525_045_250_000), ("2024-02-29t12:30:45,25z", 762_525_045_250_000),
            ("2024-02-29T14:30:45.25+02:00", 762_525_045_250_000), ("2024-02-29T14:30:45.25+02", 762_525_045_250_000),
            ("2024-02-29T07:00:45.25-0530", 762_525_045_250_000), ("2000-01-01T00:00:00.1234567Z", 123_457),
            ("2000-01-01T00:00:00.12345649999Z", 123_456), ("2000-01-01T00:00:00.9999999Z", 1_000_000),
            ("1999-12-31T24:00:00Z", 0), ("1999-12-31T23:59:60Z", 0), ("1970-01-01T00:00:00Z", -946_684_800_000_000),
            ("0001-01-01T00:00:00Z", -63_082_281_600_000_000), ("-4712-01-01T00:00:00Z", -211_810_204_800_000_000),
            ("-4713-11-24T00:00:00Z", -211_813_488_000_000_000),
            ("+10000-01-01T00:00:00Z", 252_455_616_000_000_000), ("+294276-12-31T23:59:59Z", 9_223_371_331_199_000_000),
        ]
    )
    func reads(text: String, microseconds: Int64) {
        #expect(Timestamp(text)?.rawValue == microseconds)
    }

    @Test(
        "Anything else is no time",
        arguments: [
            "", "2024", "2024-01-01", "2024-01-01T00:00", "2024-1-01T00:00:00Z", "24-01-01T00:00:00Z",
            "2024-00-01T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-01-32T00:00:00Z",
            "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2024-04-31T00:00:00Z", "2024-01-01T24:00:01Z",
            "2024-01-01T25:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z", "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00ZZ", "2024-01-01T00:00:00 Z", "2024-01-01T00:00:00+", "2024-01-01T00:00:00+2",
            "+294276-12-31T24:00:00Z", "+294276-12-31T24:00:00-15:59",
            "+294276-12-31T23:59:59.9999999Z", "+294276-12-31T08:01:00-15:59", "2024-01-01T00:00:00+02:60",
            "2024-01-01T00:00:00+16:00", "+294277-01-01T00:00:00Z",
            " 2024-01-01T00:00:00Z",
            "12024-01-01T00:00:00Z", "-4713-01-01T00:00:00Z", "-4713-11-23T23:59:59Z", "infinity", "-infinity", "now",
            "2024-01-01T00:00:00+02:",
            "٢٠٢٤-01-01T00:00:00Z",
        ]
    )
    func refuses(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test("A description is in UTC, to the microsecond when there are some")
    func descriptions() {
        #expect(Timestamp.epoch.description == "2000-01-01T00:00:00Z")
        #expect(Timestamp(microseconds: 1).description == "2000-01-01T00:00:00.000001Z")
        #expect(Timestamp(microseconds: -1).description == "1999-12-31T23:59:59.999999Z")
        #expect(Timestamp("2024-02-29T14:30:45.25+02:00")?.description == "2024-02-29T12:30:45.250000Z")
        #expect(Timestamp("-0044-03-15T12:00:00Z")?.description == "-0044-03-15T12:00:00Z")
        #expect(Timestamp.infinity.description == "infinity")
        #expect(Timestamp.negativeInfinity.description == "-infinity")
    }

    @Test("Descriptions are read back as the same moment, in every year there is")
    func roundTrip() {
        let range: ClosedRange<Int64> = -211_810_204_800_000_000...9_223_371_331_199_000_000
        for microseconds in stride(from: range.lowerBound, to: range.upperBound - (1 << 52), by: 1_234_567_890_123_457)
        {
            let timestamp = Timestamp(microseconds: microseconds)
            #expect(Timestamp(timestamp.description) == timestamp)
        }
        for day in 0..<(366 * 9) as Range<Int64> {
            let timestamp = Timestamp(microseconds: (day - 366) * 86_400_000_000 + 86_399_999_999)
            #expect(Timestamp(timestamp.description) == timestamp)
        }
    }

    @Test("Only the two ends are infinite")
    func infinity() {
        #expect(!Timestamp.infinity.isFinite)
        #expect(!Timestamp.negativeInfinity.isFinite)
        #expect(Timestamp.epoch.isFinite)
        #expect(Timestamp.negativeInfinity < .epoch)
        #expect(Timestamp.epoch < .infinity)
    }

    @Test("Durations are added and taken away exactly, and overflow refuses")
    func arithmetic() throws {
        let time = try #require(Timestamp("2024-03-01T00:00:00Z"))
        #expect(try time + .seconds(-1) == Timestamp("2024-02-29T23:59:59Z"))
        #expect(try time - .seconds(1) == Timestamp("2024-02-29T23:59:59Z"))
        #expect(try time + .microseconds(1) - .microseconds(1) == time)
        #expect(try time + .nanoseconds(1) == time)
        #expect(try (time + .nanoseconds(-1)).rawValue == time.rawValue - 1)
        #expect(try (time + .hours(24)) - time == .hours(24))
        #expect(time.seconds(since: .epoch) == Double(time.rawValue) / 1e6)
        #expect(Timestamp.epoch.seconds(since: time) == -time.seconds(since: .epoch))
        #expect(try Timestamp.infinity + .seconds(1) == .infinity)
        let last = try #require(Timestamp("+294276-12-31T23:59:59.999999Z"))
        let first = Timestamp(microseconds: -211_813_488_000_000_000)
        #expect(try last - .microseconds(1) + .microseconds(1) == last)
        #expect(try first + (last - first) == last)
        let beyond: [Duration] = [.microseconds(1), .seconds(Int64.max), Duration(attoseconds: .max)]
        for duration in beyond {
            let refusal = #expect(throws: EventRefusal.self) { try last + duration }
            #expect(refusal?.code == .overflow)
            #expect(throws: EventRefusal.self) { try first - duration }
            #expect(throws: EventRefusal.self) { try first + (.zero - duration) }
        }
        #expect(throws: EventRefusal.self) { try first - Duration(attoseconds: .min) }
        #expect(throws: EventRefusal.self) { try last + Duration(attoseconds: .min) }
        for text in ["\(Timestamp(microseconds: .min + 1))", "\(Timestamp(microseconds: .max - 1))"] {
            #expect(Timestamp(text) == nil)
        }
        #expect(Timestamp(microseconds: .max - 1).seconds(since: Timestamp(microseconds: .min + 1)) > 1.8e13)
    }
}

extension Duration {
    fileprivate static func hours(_ hours: Int) -> Duration {
        .seconds(3600 * hours)
    }
}
