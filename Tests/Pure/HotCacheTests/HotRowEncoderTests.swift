import Engine
import HotCache
import Refold
import TestProjections
import Testing

@Suite("Rows in the form of the cache")
struct HotRowEncoderTests {
    /// A projection with a column of every type, whose one event fills a row.
    private struct Everything: Projection {
        let name: ProjectionName = "everything"
        let version = 1
        let eventTypes: [EventType] = ["thing.happened"]
        let model: ReadModel
        let fill: @Sendable (Everything, Rows) throws -> Void

        let table: Table
        let whole: Column<Int64>
        let real: Column<Double>
        let flag: Column<Bool>
        let text: Column<Text>
        let time: Column<Timestamp>
        let list: Column<[Text]>
        let set: Column<TextSet>
        let numbers: Column<NumberSet>
        let integers: Column<IntegerList>
        let amount: Column<ExactDecimal>
        let day: Column<Day>
        let missing: Column<Text?>
        let own: Column<Int64>

        init(_ fill: @escaping @Sendable (Everything, Rows) throws -> Void) {
            var model = ReadModel()
            table = model.addTable("everything", key: .text("name"), .integer("part"))
            whole = model.addColumn("whole", to: table)
            real = model.addColumn("real", to: table)
            own = model.addColumn("own", to: table, isPublic: false)
            flag = model.addColumn("flag", to: table)
            text = model.addColumn("text", to: table)
            time = model.addColumn("time", to: table)
            list = model.addColumn("list", to: table)
            set = model.addColumn("set", to: table)
            numbers = model.addColumn("numbers", to: table)
            integers = model.addColumn("integers", to: table)
            amount = model.addColumn("amount", to: table)
            day = model.addColumn("day", to: table)
            missing = model.addColumn("missing", to: table)
            self.model = model
            self.fill = fill
        }

        func apply(_ event: Event, to rows: Rows) throws { try fill(self, rows) }
    }

    private func encode(
        _ projection: Everything,
        times: Int = 1
    ) throws -> [(key: String, json: String?)] {
        let hotSet = try #require(try HotSet(HotSetSettings(.all), of: projection))
        let rows = Rows(projection.model, isComplete: true)
        var texts: [(key: String, json: String?)] = []
        for position in 1...times {
            rows.beginPass()
            let event = Event(
                position: GlobalPosition(Int64(position) * 41),
                type: "thing.happened",
                payload: "{}"
            )
            guard case .applied = rows.apply(event, with: projection) else { Issue.record("refused"); break }
            rows.acceptPass()
            texts = HotRowEncoder(hotSet).encode(rows.memories[0].takeChanges()).texts
        }
        return texts
    }

    @Test("The position comes first, then the key and the public columns in the order of the view")
    func everyType() throws {
        let texts = try encode(
            Everything { my, rows in
                let row = try rows.findOrInsert(my.table, "a\"b", -7)
                row[my.whole] = .min
                row[my.real] = 0.1
                row[my.own] = 99
                row[my.flag] = true
                row[my.text] = "tab\tüñ\\"
                row[my.time] = try #require(Timestamp("2024-02-29T23:59:59.000250Z"))
                row[my.list] = ["z", "a\"", "z"]
                for member: Text in ["b", "a"] { row.insert(member, into: my.set) }
                for member: UInt16 in [258, 3] { row.insert(member, into: my.numbers) }
                row[my.integers] = [3, .min, 0]
                row[my.amount] = try #require(ExactDecimal("-123456789012345678901234567890.120"))
                row[my.day] = Day(rawValue: 8_825)
            }
        )
        #expect(texts.count == 1)
        #expect(texts[0].key == #"["a\"b",-7]"#)
        #expect(
            texts[0].json == #"{"_position":41,"name":"a\"b","part":-7,"whole":-9223372036854775808,"real":0.1,"#
                + #""flag":true,"text":"tab\u0009üñ\\","time":"2024-02-29T23:59:59.000250Z","list":["z","a\"","z"],"#
                + #""set":["a","b"],"numbers":"\\x03000201","integers":[3,-9223372036854775808,0],"#
                + #""amount":-123456789012345678901234567890.12,"day":"2024-02-29","missing":null}"#
        )
    }

    @Test(
        "Numbers are the shortest that read back the same",
        arguments: [
            (100.0, "100"), (-0.0, "-0"), (0.1 + 0.2, "0.30000000000000004"), (1e22, "1e+22"),
            (.leastNonzeroMagnitude, "5e-324"),
            (1e15, "1000000000000000"), (.infinity, #""Infinity""#), (-.infinity, #""-Infinity""#), (.nan, #""NaN""#),
        ]
    )
    func numbers(number: Double, text: String) throws {
        let texts = try encode(
            Everything { my, rows in try rows.findOrInsert(my.table, "k", 1)[my.real] = number }
        )
        #expect(texts[0].json?.contains(#""real":\#(text),"#) == true)
    }

    @Test(
        "Times are ISO 8601 in UTC with microseconds",
        arguments: [
            (0, "2000-01-01T00:00:00.000000Z"), (-1, "1999-12-31T23:59:59.999999Z"),
            (5_097_600_000_000, "2000-02-29T00:00:00.000000Z"), (5_184_000_000_000, "2000-03-01T00:00:00.000000Z"),
            (-63_082_281_600_000_000, "0001-01-01T00:00:00.000000Z"),
            (252_455_616_000_000_000, "+10000-01-01T00:00:00.000000Z"), (Int64.max, "infinity"),
            (Int64.min, "-infinity"),
        ]
    )
    func times(microseconds: Int64, text: String) throws {
        let texts = try encode(
            Everything { my, rows in
                try rows.findOrInsert(my.table, "k", 1)[my.time] = Timestamp(microseconds: microseconds)
            }
        )
        #expect(texts[0].json?.contains(#""time":"\#(text)","#) == true)
    }

    @Test("Every day of eight hundred years has the date that the log's own form has")
    func days() throws {
        let projection = Everything { my, rows in
            let row = try rows.findOrInsert(my.table, "k", 1)
            row[my.time] = Timestamp(microseconds: row[my.time].rawValue + 86_400_000_000)
        }
        let hotSet = try #require(try HotSet(HotSetSettings(.all), of: projection))
        let rows = Rows(projection.model, isComplete: true)
        var day: Int64 = 0
        for position in 1...292_200 {
            rows.beginPass()
            let event = Event(position: GlobalPosition(Int64(position)), type: "thing.happened", payload: "{}")
            guard case .applied = rows.apply(event, with: projection) else { Issue.record("refused"); return }
            rows.acceptPass()
            day += 86_400_000_000
            guard position % 97 == 0 || position < 2000 else { continue }
            let json = HotRowEncoder(hotSet).encode(rows.memories[0].takeChanges()).texts[0].json
            let date = Timestamp(microseconds: day).description.dropLast()
            #expect(json?.contains(#""time":"\#(date).000000Z""#) == true)
        }
    }

    @Test("A removed row has a key and no object")
    func removal() throws {
        let texts = try encode(
            Everything { my, rows in
                if let row = try rows.find(my.table, "k", 1) {
                    row.delete()
                } else {
                    _ = try rows.findOrInsert(my.table, "k", 1)
                }
            },
            times: 2
        )
        #expect(texts.count == 1)
        #expect(texts[0].key == #"["k",1]"#)
        #expect(texts[0].json == nil)
    }

    @Test(
        "A ranking has the column's value as its score, one by time microseconds since 1970; a row may be in none",
        arguments: [
            (HotRanking(score: "score"), ShelfChange.put("a", score: 0.5, hour: 1), 0.5),
            (HotRanking(score: "seen"), .put("a", hour: 1), 3_600_000_000),
            (HotRanking(score: "seen", unless: "score"), .put("a", score: 1, hour: 1), .nan),
            (HotRanking(time: "seen", within: .seconds(1)), .put("a", hour: 1), 946_688_400_000_000),
            (HotRanking(time: "seen", within: .seconds(1)), .put("a", hour: -262_969), -3_600_000_000),
            (HotRanking(time: "seen", within: .seconds(1), unless: "score"), .put("a", hour: 0), 946_684_800_000_000),
            (HotRanking(time: "seen", within: .seconds(1), unless: "score"), .put("a", score: 0, hour: 0), .nan),
        ]
    )
    func scores(ranking: HotRanking, change: ShelfChange, score: Double) throws {
        let projection = Shelf()
        let hotSet = try #require(try HotSet(HotSetSettings(.all, ranking: ranking), of: projection))
        let rows = Rows(projection.model, isComplete: true)
        rows.beginPass()
        _ = rows.apply(change.event(at: 1), with: projection)
        rows.acceptPass()
        let found = HotRowEncoder(hotSet).encode(rows.memories[1].takeChanges()).rows.map(\.score)
        // By their bits, since NaN does not equal itself.
        #expect(found.map(\.bitPattern) == [score.bitPattern])
    }

    @Test("A hot set that does not fit its projection is refused with the setting's name")
    func refusedSettings() throws {
        let projection = Shelf()
        for (settings, word) in [
            (HotSetSettings(.top(column: "nothing")), "hot.column"),
            (HotSetSettings(.recent(column: "score", within: .seconds(1))), "hot.column"),
            (HotSetSettings(.recent(column: "seen", within: .zero)), "hot.within"),
            (HotSetSettings(.all, limit: 0), "hot.limit"),
            (HotSetSettings(.all, ttl: .milliseconds(10)), "hot.ttl"),
            (HotSetSettings(.all, ranking: HotRanking(score: "genre")), "hot.ranking"),
            (HotSetSettings(.all, ranking: HotRanking(score: "score", group: "score")), "hot.ranking"),
            (HotSetSettings(.all, ranking: HotRanking(score: "score", best: 0)), "hot.ranking"),
            (HotSetSettings(.all, ranking: HotRanking(score: "score", unless: "seen")), "hot.ranking.unless"),
            (HotSetSettings(.all, ranking: HotRanking(time: "score", within: .seconds(1))), "hot.ranking"),
            (HotSetSettings(.all, ranking: HotRanking(time: "seen", within: .zero)), "hot.ranking.within"),
            (
                HotSetSettings(.all, ranking: HotRanking(time: "seen", within: .seconds(1), limit: 0)),
                "hot.ranking.limit"
            ),
            (
                HotSetSettings(.all, ranking: HotRanking(time: "seen", within: .seconds(1), limit: 1_000_001)),
                "hot.ranking.limit"
            ),
            (
                HotSetSettings(.all, ranking: HotRanking(time: "seen", within: .seconds(1), groups: 0)),
                "hot.ranking.groups"
            ),
        ] {
            let error = #expect(throws: EngineError.self) { try HotSet(settings, of: projection) }
            #expect(error?.code == .setting)
            #expect(error?.description.contains("projections.shelf.\(word)") == true)
        }
        #expect(try HotSet(.none, of: projection) == nil)
    }
}
