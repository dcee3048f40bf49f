import Refold
import Testing

@Suite("Numbers in a payload")
struct PayloadNumberTests {
    private func payload(_ number: String) -> Payload {
        Event(type: "test.happened", payload: #"{"n":\#(number),"other":0}"#).payload
    }

    @Test(
        "An integer is a number whose exact value has no fraction, however it is written",
        arguments: [
            ("0", 0), ("-0", 0), ("-0.0", 0), ("0e99999999999999999999", 0), ("0.000e-99", 0), ("7", 7), ("-7", -7),
            ("3.6e3", 3600), ("3600.000", 3600), ("36E+2", 3600), ("3600000e-3", 3600), ("-1.5e1", -15),
            ("10000000000000000e-1", 1_000_000_000_000_000), ("999999999999999", 999_999_999_999_999),
            ("9007199254740992", 9_007_199_254_740_992), ("-9007199254740992.0", -9_007_199_254_740_992),
            ("9.007199254740992e15", 9_007_199_254_740_992), ("0.00000000000000000001e20", 1),
        ]
    )
    func integers(text: String, value: Int64) throws {
        #expect(try payload(text).integer("n") == value)
        #expect(try payload(text).optionalInteger("n") == value)
    }

    @Test(
        "A number with a fraction is no integer, however small the fraction",
        arguments: [
            "0.5", "-1.25", "1e-1", "36.001e2", "0.99999999999999999999999999", "1e-400", "1.5e-99999999999999999999",
            "9007199254740991.5", "1000000000000000000000000.1",
        ]
    )
    func fractions(text: String) {
        let refusal = #expect(throws: EventRefusal.self) { try payload(text).integer("n") }
        #expect(refusal?.code == .wrongType)
        #expect(refusal?.reason == "expected an integer within ±2^53, found a number with a fraction")
    }

    @Test(
        "An integer beyond ±2^53 is out of range",
        arguments: [
            "9007199254740993", "-9007199254740993", "9.007199254740993e15", "10000000000000000", "1e16", "1e400",
            "9223372036854775808", "18446744073709551616", "1e99999999999999999999",
            String(repeating: "9", count: 2_000),
        ]
    )
    func tooLarge(text: String) {
        let refusal = #expect(throws: EventRefusal.self) { try payload(text).integer("n") }
        #expect(refusal?.code == .outOfRange)
    }

    @Test("A range includes its bounds")
    func ranges() throws {
        #expect(try payload("0").integer("n", in: 0...9) == 0)
        #expect(try payload("9").integer("n", in: 0...9) == 9)
        #expect(try payload("9.0").number("n", in: 0...9) == 9)
        for (text, reason) in [
            ("10", "expected an integer from 0 to 9, found one outside of that"),
            ("-1", "expected an integer from 0 to 9, found one outside of that"),
            ("1e20", "expected an integer from 0 to 9, found one too large"),
        ] {
            let refusal = #expect(throws: EventRefusal.self) { try payload(text).integer("n", in: 0...9) }
            #expect(refusal?.code == .outOfRange)
            #expect(refusal?.reason == reason)
        }
        let refusal = #expect(throws: EventRefusal.self) { try payload("9.5").number("n", in: 0...9) }
        #expect(refusal?.reason == "expected a number from 0.0 to 9.0, found one outside of that")
    }

    @Test(
        "A number is the double nearest to its decimal value",
        arguments: [
            ("0.1", 0.1), ("3600", 3600), ("-2.5e0", -2.5), ("1E-3", 0.001),
            ("123456789012345678901234567890", 1.2345678901234568e29),
            ("9007199254740993", 9_007_199_254_740_992), ("1.7976931348623157e308", .greatestFiniteMagnitude),
            ("4.9e-324", .leastNonzeroMagnitude), ("2.2250738585072011e-308", .leastNormalMagnitude.nextDown),
            ("0.3000000000000000444089209850062616169452667236328125", 0.30000000000000004),
            ("8.5", 8.5), ("99999999999999.9", 99_999_999_999_999.9),
        ]
    )
    func numbers(text: String, value: Double) throws {
        #expect(try payload(text).number("n") == value)
    }

    @Test(
        "A zero has no sign, and what is too small for a double is zero",
        arguments: ["0", "-0", "-0.0", "0e5", "-0e-5", "1e-400", "-1e-400", "1e-99999999999999999999"]
    )
    func zeros(text: String) throws {
        let number = try payload(text).number("n")
        #expect(number == 0)
        #expect(number.sign == .plus)
    }

    @Test(
        "A number beyond the largest double is refused",
        arguments: [
            "1e309", "-1e309", "1.7976931348623159e308", "1e400", "-1e99999999999999999999",
            String(repeating: "9", count: 400), String(repeating: "9", count: 2_000) + ".5",
        ]
    )
    func notFinite(text: String) {
        let refusal = #expect(throws: EventRefusal.self) { try payload(text).number("n") }
        #expect(refusal?.code == .outOfRange)
        #expect(refusal?.reason == "expected a finite number, found one too large")
        #expect(throws: EventRefusal.self) { try payload(text).number("n", in: -1e300...1e300) }
    }

    @Test("A number of many digits is one as long as its value is")
    func manyDigits() throws {
        #expect(try payload("1" + String(repeating: "0", count: 300)).number("n") == 1e300)
        #expect(try payload("1." + String(repeating: "0", count: 5_000)).integer("n") == 1)
        #expect(try payload("0." + String(repeating: "0", count: 323) + "49").number("n") == .leastNonzeroMagnitude)
        #expect(try payload(String(repeating: "1", count: 2_000) + "e-1990").number("n") == 1_111_111_111.111_111_1)
    }

    @Test("Numbers that nobody reads refuse nothing", arguments: ["1e400", String(repeating: "7", count: 2_000)])
    func unread(text: String) throws {
        #expect(try payload(text).integer("other") == 0)
        #expect(try payload(text).contains("n"))
    }
}
