import Refold
import RefoldInstallation
import Testing

@Suite("The audience as it is shown")
struct AudienceTextTests {
    private let moment = Timestamp("2024-03-01T10:00:30Z")!

    private func audience(_ qualities: [(String, Int)], peaks: (Int) -> Int = { _ in 0 }) -> Audience {
        let viewers = Audience.Viewers(
            total: qualities.reduce(0) { $0 + $1.1 },
            byQuality: qualities.map { Audience.Viewers.Quality(name: $0.0, count: $0.1) }
        )
        let minutes = Audience.minutes(upTo: moment).enumerated()
        return Audience(
            moment: moment,
            liveFor: .seconds(30),
            viewers: viewers,
            from: .cache,
            peaks: minutes.map { Audience.Peak(minute: $0.element, viewers: peaks($0.offset)) },
            from: .database
        )
    }

    /// The most columns that a terminal may give a line: two for what is neither ASCII nor a part of a box or a bar.
    private func columns(_ line: String) -> Int {
        line.unicodeScalars.reduce(0) { sum, scalar in
            sum + (scalar.isASCII || (0x2500...0x259F).contains(scalar.value) ? 1 : 2)
        }
    }

    @Test("Says who answered, how many watch in which quality, and the peaks of the hour")
    func whole() {
        let lines = audience([("720p", 250), ("1080p", 1000)]) { $0 < 30 ? 0 : $0 == 59 ? 1300 : 650 }.lines
        #expect(lines[0] == "Live viewers at 2024-03-01T10:00:30Z: 1,250, from the cache")
        #expect(lines[2] == "  1,000  " + String(repeating: "█", count: 24) + "  1080p")
        #expect(
            lines[3] == "    250  " + String(repeating: "█", count: 6) + String(repeating: " ", count: 18) + "  720p"
        )
        #expect(lines[5] == "Peaks by minute, the hour up to then, from the database")
        #expect(lines[6] == "  1,300 │" + String(repeating: " ", count: 59) + "█")
        #expect(
            lines[11] == "      0 │" + String(repeating: " ", count: 30) + String(repeating: "█", count: 30)
        )
        #expect(lines[12] == "        └" + String(repeating: "─", count: 60))
        #expect(lines[13] == "         09:01" + String(repeating: " ", count: 50) + "10:00")
        #expect(lines.count == 14)
    }

    @Test("No line is wider than 80 columns or steers the terminal, whatever a quality is called")
    func hostileNames() {
        let names = [
            "\u{1B}[2J\u{1B}[31mred", "a\r\nb\u{0}", String(repeating: "long ", count: 10_000),
            String(repeating: "🎬", count: 100), "👩‍👩‍👧‍👦", "z" + String(repeating: "\u{301}", count: 5_000), "\u{202E}txet",
            "",
        ]
        var shown = audience(names.map { ($0, 123_456_789) }) { _ in 9_876_543_210 }
        shown.cacheProblem = String(repeating: "no\n🎬", count: 100)
        for line in shown.lines {
            #expect(columns(line) <= 80, "\(line)")
            #expect(line.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
        }
        #expect(shown.lines.contains { $0.hasSuffix("  \"\"") })
        #expect(shown.lines.contains { $0.contains(#"\u001b[2J\u001b[31mred"#) })
    }

    @Test("Canonically equal qualities are two, in the order of their bytes")
    func canonicallyEqual() {
        let shown = audience([("caf\u{e9}", 5), ("cafe\u{301}", 5), ("z", 7)])
        #expect(
            shown.viewers.byQuality.map { Array($0.name.utf8) }
                == ["z", "cafe\u{301}", "caf\u{e9}"].map { Array($0.utf8) }
        )
        #expect(shown.lines.filter { $0.hasSuffix("caf\u{e9}") }.count == 2)
        let json = shown.json.text
        #expect(json.utf8.count > 0 && json.components(of: #"{"quality":"#) == 3)
    }

    @Test("Beyond twenty qualities the rest is summed up")
    func manyQualities() {
        let shown = audience((1...50).map { ("q\($0)", $0) })
        #expect(shown.lines.contains("  465 more in other qualities"))
        #expect(shown.lines.count < 40)
    }

    @Test("Nobody: says when the newest heartbeat was, or that there is none")
    func nobody() {
        var shown = audience([])
        #expect(!shown.lines.contains { $0.contains("no session") }, "the cache does not know")
        shown.newestHeartbeat = Timestamp("2020-01-01T00:00:00Z")
        #expect(shown.lines.contains("The newest heartbeat is of 2020-01-01T00:00:00Z: --at shows that moment."))
        shown.newestHeartbeat = moment
        #expect(shown.lines.count == 11, "those heard of just now have ended")
    }

    @Test("The hour is sixty whole minutes up to the moment's own, also before 2000 and at the ends of time")
    func minutes() throws {
        for text in ["2024-03-01T10:00:00Z", "1969-12-31T23:59:59.999999Z", "2000-01-01T00:00:00Z"] {
            let moment = try #require(Timestamp(text))
            let minutes = Audience.minutes(upTo: moment)
            #expect(minutes.count == 60)
            #expect(minutes.allSatisfy { $0.rawValue % 60_000_000 == 0 })
            let last = try #require(minutes.last)
            #expect(last <= moment && moment.seconds(since: last) < 60)
        }
        #expect(Audience.minutes(upTo: .infinity).isEmpty)
        #expect(Audience.minutes(upTo: .negativeInfinity).isEmpty)
    }
}

extension String {
    /// How often a piece occurs.
    fileprivate func components(of piece: String) -> Int {
        let (text, piece) = (Array(utf8), Array(piece.utf8))
        guard text.count >= piece.count else { return 0 }
        return (0...(text.count - piece.count)).count { text[$0..<($0 + piece.count)].elementsEqual(piece) }
    }
}
