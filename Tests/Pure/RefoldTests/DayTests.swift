import Refold
import Testing

@Suite("Days")
struct DayTests {
    @Test(
        "A moment falls on its day in UTC",
        arguments: [
            ("2000-01-01T00:00:00Z", 0, "2000-01-01"), ("1999-12-31T23:59:59.999999Z", -1, "1999-12-31"),
            ("2024-02-29T23:59:59.999999Z", 8825, "2024-02-29"), ("2024-03-01T01:00:00+02:00", 8825, "2024-02-29"),
            ("2024-03-01T00:00:00Z", 8826, "2024-03-01"), ("0000-12-31T12:00:00Z", -730_120, "0000-12-31"),
            ("+294276-12-31T23:59:59.999999Z", 106_751_982, "+294276-12-31"),
            ("-4712-01-01T00:00:00Z", -2_451_507, "-4712-01-01"),
        ]
    )
    func days(moment: String, number: Int32, text: String) throws {
        let day = Day(try #require(Timestamp(moment)))
        #expect(day.rawValue == number)
        #expect(day.description == text)
        #expect(Day(text) == day)
    }

    @Test("The infinities stay what they are, and are no days")
    func infinities() {
        #expect(Day(Timestamp.infinity) == .infinity)
        #expect(Day(Timestamp.negativeInfinity).description == "-infinity")
        #expect(!Day.infinity.isFinite && !Day.negativeInfinity.isFinite && Day(rawValue: 0).isFinite)
        #expect(Day(rawValue: -1) < Day(rawValue: 0))
    }

    @Test(
        "Other text is no day",
        arguments: [
            "", "2024-02-30", "2024-3-1", "24-03-01", "2024-03-01T00:00:00Z", "2024-03-01 ", "today", "2024/03/01",
        ]
    )
    func noDays(text: String) {
        #expect(Day(text) == nil)
    }
}
