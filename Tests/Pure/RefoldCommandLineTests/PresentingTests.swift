import Refold
import RefoldCommandLine
import Testing

@Suite("What is printed")
struct PresentingTests {
    @Test("Progress tells share, rate and time to go of the slowest projection")
    func progress() {
        var meter = RebuildMeter(projections: 2)
        #expect(meter.line == "rebuilding 2 projections: 0 %")
        func look(_ slow: Int64, _ fast: Int64, at seconds: Int64) {
            meter.update(
                [
                    .init(start: 0, position: fast, target: 1_000_000),
                    .init(start: 0, position: slow, target: 1_000_000),
                ],
                at: .seconds(seconds)
            )
        }
        look(0, 0, at: 0)
        look(400_000, 900_000, at: 1)
        #expect(meter.rate == 400_000)
        #expect(meter.remaining == .seconds(1.5))
        #expect(meter.line == "rebuilding 2 projections: 40 %, 400,000 of 1,000,000, 400,000/s, 1.5 s left")
        look(1_000_000, 1_000_000, at: 2)
        #expect(meter.line == "rebuilding 2 projections: 100 %, 1,000,000 of 1,000,000, 500,000/s")
    }

    @Test("A rebuild that goes on counts from where it was, and an empty one is done at once")
    func resumedProgress() {
        var meter = RebuildMeter(projections: 1)
        meter.update([.init(start: 900, position: 900, target: 1_000)], at: .zero)
        meter.update([.init(start: 900, position: 950, target: 1_000)], at: .seconds(1))
        #expect(meter.line == "rebuilding 1 projection: 50 %, 950 of 1,000, 50/s, 1.0 s left")
        var empty = RebuildMeter(projections: 1)
        empty.update([.init(start: 0, position: 0, target: 0)], at: .seconds(1))
        #expect(empty.line == "rebuilding 1 projection: 100 %, 0 of 0")
    }

    @Test("The rate follows the last seconds, not the whole run")
    func rateFollows() {
        var meter = RebuildMeter(projections: 1)
        for look in 0..<100 {
            let position: Int64 = look < 50 ? Int64(look) * 1_000 : 49_000 + Int64(look - 49) * 10
            meter.update([.init(start: 0, position: position, target: 100_000)], at: .seconds(look))
        }
        #expect(meter.rate == 10)
    }

    @Test("The bar never takes the whole width", arguments: [20, 60, 80, 200])
    func bar(width: Int) {
        var meter = RebuildMeter(projections: 3)
        meter.update([.init(start: 0, position: 0, target: 1_000_000)], at: .zero)
        meter.update([.init(start: 0, position: 631_000, target: 1_000_000)], at: .seconds(1))
        let bar = meter.bar(width: width)
        #expect(bar.count < width)
        #expect(bar.hasPrefix("[###") == (width >= 100))
    }

    @Test(
        "Times are shown with two figures that matter",
        arguments: [
            (Duration.zero, "0.000 s"), (.milliseconds(4), "0.004 s"), (.milliseconds(12_340), "12.3 s"),
            (.seconds(245), "4 min 05 s"), (.seconds(11_220), "3 h 07 min"), (.seconds(176_400), "2 d 01 h"),
        ]
    )
    func times(duration: Duration, text: String) {
        #expect(Format.time(duration) == text)
    }

    @Test("Numbers are grouped")
    func numbers() {
        #expect(Format.grouped(0) == "0")
        #expect(Format.grouped(999) == "999")
        #expect(Format.grouped(1_234_567) == "1,234,567")
        #expect(Format.grouped(-1_000) == "-1,000")
        #expect(Format.rate(0.25) == "0.3/s")
        #expect(Format.rate(431_002.4) == "431,002/s")
        #expect(Format.decimals(1.005, 1) == "1.0")
    }

    @Test("A table aligns names to the left and figures to the right")
    func table() {
        var table = TextTable(["name", "count", "owner"])
        table.append(["a", "1,000", "me 1"])
        table.append(["longer", "–", "–"])
        #expect(table.lines == ["name    count  owner", "a       1,000  me 1", "longer      –  –"])
    }

    @Test("A cell stays in its line and in its column, whatever it holds")
    func oddCells() {
        var table = TextTable(["stream", "version"])
        table.append(["a\nb\u{1B}", "1"])
        table.append(["\u{202E}長", "20"])
        #expect(table.lines == ["stream      version", #"a\nb\u001b        1"#, #"\u202e長          20"#])
    }

    @Test("JSON keeps the order of members, quotes what must be, and has no infinities")
    func json() {
        let value: JSON = [
            "b": "q\"\\\n\u{1}é", "a": [1, true, .null, .optional(Double.infinity), .optional(1.23456), .raw("{}")],
            "c": .optional(3.0),
        ]
        #expect(value.text == #"{"b":"q\"\\\n\u0001é","a":[1,true,null,null,1.235,{}],"c":3}"#)
    }
}
