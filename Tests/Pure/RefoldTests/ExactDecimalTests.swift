import Refold
import TestSupport
import Testing

@Suite("Exact decimals")
struct ExactDecimalTests {
    private let nines = String(repeating: "9", count: 38)

    private func decimal(_ text: String) throws -> ExactDecimal { try #require(ExactDecimal(text), "\(text)") }

    @Test(
        "A number is read exactly, however it is written, and written in one way",
        arguments: [
            ("0", "0"), ("-0", "0"), ("-0.000", "0"), ("0e99999999999999999999", "0"), ("7", "7"), ("-7", "-7"),
            ("1.10", "1.1"), ("12.50", "12.5"), ("100", "100"), ("1e2", "100"), ("1.5E+3", "1500"), ("1e-2", "0.01"),
            ("-0.001", "-0.001"), ("3600.000", "3600"), ("1200e-2", "12"), ("0.00000000000000000001e20", "1"),
            ("123456789012345678901234567890.12", "123456789012345678901234567890.12"),
            ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
            ("0.99999999999999999999999999999999999999", "0.99999999999999999999999999999999999999"),
            ("0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001"),
            ("1e37", "10000000000000000000000000000000000000"), ("1e-38", "0.00000000000000000000000000000000000001"),
            ("1.00000000000000000000000000000000000000000000000000", "1"),
        ]
    )
    func texts(written: String, read: String) throws {
        let value = try decimal(written)
        #expect(value.description == read)
        #expect(ExactDecimal(read) == value)
        #expect(try Event(type: "test", payload: #"{"n":\#(written)}"#).payload.decimal("n") == value)
        #expect(try Event(type: "test", payload: #"{"n":"\#(written)"}"#).payload.decimal("n") == value)
    }

    @Test(
        "Other text is no decimal",
        arguments: [
            "", "-", "+1", "01", "-01", ".5", "5.", "1e", "1e+", "1.e2", " 1", "1 ", "1,5", "0x1", "NaN", "Infinity",
            "1_0", "١", "--1", "1-1",
        ]
    )
    func noNumbers(text: String) throws {
        #expect(ExactDecimal(text) == nil)
        let refusal = #expect(throws: EventRefusal.self) {
            try Event(type: "test", payload: #"{"n":"\#(text)"}"#).payload.decimal("n")
        }
        #expect(refusal?.description == "n: expected a decimal number, found text that is none")
    }

    @Test(
        "A number that does not fit is refused and never rounded",
        arguments: [
            "100000000000000000000000000000000000000", "1e38", "-1e38", "1e-39", "1e99999999999999999999",
            "1e-99999999999999999999", "123456789012345678901234567890.123456789",
            "1.00000000000000000000000000000000000001", "4e38", "-9.9e38", "340000000000000000000000000000000000000",
            "340282366920938463463374607431768211456", "0.000000000000000000000000000000000000001",
        ]
    )
    func tooLong(text: String) {
        #expect(ExactDecimal(text) == nil)
        let refusal = #expect(throws: EventRefusal.self) {
            try Event(type: "test", payload: #"{"n":\#(text)}"#).payload.decimal("n")
        }
        #expect(refusal?.code == .outOfRange)
        #expect(refusal?.reason == "expected a decimal number, found one of more than 38 digits")
    }

    @Test("Coefficients and scales at the ends of their types are read or refused, and nothing traps")
    func edges() throws {
        // 2^128 is 3.4e38: the digits between it and a tenth of it fit no more once a zero is added.
        for (first, digits) in [1, 3, 4, 9].flatMap({ first in (1...38).map { (Int128(first), $0) } }) {
            let coefficient = first * (1..<digits).reduce(1) { power, _ in power * 10 }
            for exponent in [0, 1, 2, 36, 37, 38, 39] {
                let isFitting = digits + exponent <= 38
                #expect((ExactDecimal(coefficient: coefficient, scale: -exponent) != nil) == isFitting)
                #expect((ExactDecimal("\(coefficient)e\(exponent)") != nil) == isFitting)
            }
        }
        for text in ["3.4e37", "3.5e37", "-4e37", "9.9e37", nines, "-" + nines] {
            #expect(try decimal(text).description == JSON.raw(text).asDecimal?.description)
        }
        for text in ["3.4e38", "3.5e38", "4e38", "-4e38", "9.9e38", nines + "e1", nines + "e37", nines + "0", "4e1000"]
        {
            #expect(ExactDecimal(text) == nil, "\(text)")
            #expect(JSON.raw(text).asDecimal == nil && JSON.raw(text).asInteger == nil)
            #expect(throws: EventRefusal.self) {
                try Event(type: "t", payload: #"{"n":\#(text)}"#).payload.decimal("n")
            }
            #expect(throws: EventRefusal.self) {
                try Event(type: "t", payload: #"{"n":\#(text)}"#).payload.integer("n")
            }
        }
        for coefficient in [Int128.min, .max, .min + 1, 4, -4, Int128(Int64.max), Int128(Int64.min)] {
            for scale in [Int.min, .min + 1, -1_000_000, .max, 1_000_000] {
                #expect(ExactDecimal(coefficient: coefficient, scale: scale) == nil)
            }
        }
        #expect(ExactDecimal(coefficient: 0, scale: .min) == .zero)
        #expect(ExactDecimal(Int64.min).description == "\(Int64.min)")
        #expect(try ExactDecimal(Int64.min).subtracting(ExactDecimal(Int64.max)).description == "-18446744073709551615")
        for text in ["9223372036854775808", "-9223372036854775809", "18446744073709551616", nines] {
            #expect(JSON.raw(text).asInteger == nil && ExactDecimal(text) != nil)
        }
        for exponent in [Int.max, .min] {
            #expect(ExactDecimal("1e\(exponent)") == nil)
            #expect(throws: EventRefusal.self) {
                try Event(type: "t", payload: #"{"n":1e\#(exponent)0}"#).payload.decimal("n")
            }
        }
    }

    @Test("A field of another type is refused, one out of range too, and an absent one when it is needed")
    func fields() throws {
        let payload = Event(type: "test", payload: #"{"a":true,"b":[1],"c":null,"d":5,"e":"\u0031.5"}"#).payload
        func reason(_ read: () throws -> ExactDecimal?) -> String? {
            #expect(throws: EventRefusal.self) { try read() }?.reason
        }
        #expect(reason { try payload.decimal("a") } == "expected a decimal number, found a boolean")
        #expect(reason { try payload.optionalDecimal("b") } == "expected a decimal number, found an array")
        #expect(reason { try payload.decimal("c") } == "expected a decimal number, found nothing")
        #expect(
            reason { try payload.decimal("d", in: 0...4) }
                == "expected a decimal number from 0 to 4, found one outside of that"
        )
        #expect(try payload.optionalDecimal("c") == nil)
        #expect(try payload.optionalDecimal("absent") == nil)
        #expect(try payload.decimal("d", in: 0...5) == 5)
        #expect(try payload.decimal("e") == decimal("1.5"))
    }

    @Test("Sums are exact, and one of too many digits is refused")
    func sums() throws {
        #expect(try decimal("0.1").adding(decimal("0.2")) == decimal("0.3"))
        #expect(try decimal("0.3").subtracting(decimal("0.3")) == .zero)
        #expect(try decimal("1e2").adding(decimal("-0.01")).description == "99.99")
        #expect(try decimal("-5").adding(3) == -2)
        #expect(
            try decimal("123456789012345678901234567890").adding(decimal("0.12345678")).description
                == "123456789012345678901234567890.12345678"
        )
        // Beyond 38 digits on the way there, but not in the end.
        #expect(try decimal("1e37").subtracting(decimal("0.1")).description == nines.dropLast() + ".9")
        let half = try decimal(String(nines.dropLast()) + ".5")
        #expect(try half.adding(decimal("0.5")) == decimal("1e37"))
        let sum = try decimal("9." + nines.dropFirst(2) + "5").adding(decimal("9." + nines.dropFirst(2) + "5"))
        #expect(sum.description == "19." + nines.dropFirst(2))
        for (left, right) in [(nines, "1"), (nines, "0.1"), ("1e37", "1e-38"), (nines, nines), ("-" + nines, "-1")] {
            let refusal = #expect(throws: EventRefusal.self) { try decimal(left).adding(decimal(right)) }
            #expect(refusal?.code == .overflow)
            #expect(throws: EventRefusal.self) { try decimal(left).subtracting(decimal(right).negated) }
        }
    }

    @Test("The order is that of the numbers")
    func order() throws {
        let texts = [
            "-" + nines, "-1e37", "-2", "-1.5", "-0.2", "-0.10", "-1e-38", "0", "1e-38", "0.1", "0.11", "1", "1.5", "2",
            "10", "1e37", nines,
        ]
        let values = try texts.map(decimal)
        #expect(values.shuffled().sorted() == values)
        for (index, value) in values.enumerated() {
            #expect(values.filter { $0 < value }.count == index)
            #expect(value.isNegative == (index < 7))
        }
    }

    @Test("Random sums agree with those of whole numbers")
    func randomSums() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<10_000 {
            let leftScale = Int.random(in: 0...8, using: &generator)
            let rightScale = Int.random(in: 0...8, using: &generator)
            let left = Int64.random(in: -1_000_000...1_000_000, using: &generator)
            let right = Int64.random(in: -1_000_000...1_000_000, using: &generator)
            let (a, b) = (
                try #require(ExactDecimal(coefficient: Int128(left), scale: leftScale)),
                try #require(ExactDecimal(coefficient: Int128(right), scale: rightScale))
            )
            func scaled(_ number: Int64, _ scale: Int) -> Int128 {
                (scale..<8).reduce(Int128(number)) { number, _ in number * 10 }
            }
            let (wholeA, wholeB) = (scaled(left, leftScale), scaled(right, rightScale))
            #expect(try a.adding(b) == ExactDecimal(coefficient: wholeA + wholeB, scale: 8))
            #expect(try a.subtracting(b) == ExactDecimal(coefficient: wholeA - wholeB, scale: 8))
            #expect((a < b) == (wholeA < wholeB))
            #expect((a == b) == (wholeA == wholeB))
            #expect(ExactDecimal(a.description) == a)
        }
    }
}
