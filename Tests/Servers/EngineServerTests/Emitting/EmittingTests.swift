import Engine
import EventStore
import Postgres
import Refold
import TestProjections
import TestSupport
import Testing

/// What the live generation emits, and when.
@Suite("Events emitted once") struct EmittingTests {
    @Test(
        "A question has its answers in the log, with all that is known of them, and readers of answers have folded them"
    )
    func emitted() async throws {
        try await EmittingSite.with { site in
            try await site.tail()
            try await site.ask("a", payload: #"{"id": "a", "count": 3, "text": "hello"}"#)
            try await site.ask("b", "a")
            try await site.tail()
            try await site.expectAnswers()
            let rows = try await site.connection.query(
                """
                SELECT e.stream_id, e.stream_version::bigint, e.event_data::text, e.event_id::text, q.event_id::text AS source,
                       e.metadata->>'causation_id' AS cause, e.metadata->>'type_version' AS version,
                       e."timestamp" = q."timestamp" AS same_time
                  FROM events e JOIN events q ON q.event_id::text = e.metadata->>'causation_id' ORDER BY e.global_position
                """
            ).rows
            #expect(
                try rows.map { "\(try $0.text(0)) \(try $0.int64(1))" } == [
                    "echo:a 1", "echo:a 2", "echo:a 3", "echo:b 1", "echo:a 4",
                ]
            )
            #expect(try rows[1].text(2) == #"{"id":"a","answer":1,"text":"hello"}"#)
            for (place, row) in rows.prefix(3).enumerated() {
                let source = try #require(EventID(row.text("source")))
                #expect(try row.text("event_id") == EventID(namespace: source, name: "echo:\(place)").description)
            }
            #expect(try rows.allSatisfy { try $0.text("version") == "1" && $0.bool("same_time") })
            #expect(try await site.number("SELECT version FROM streams WHERE stream_id = 'echo:a'") == 4)
            #expect(try await site.number("SELECT sum(count)::bigint FROM read_models.listener") == 5)
            let status = try await site.engine.status()
            #expect(status.outbox?.waiting == 0 && status.outbox?.age == nil && status.outbox?.cause == nil)
        }
    }

    @Test(
        "A projection emits from where it was first pointed at: nothing for the events before",
        arguments: [false, true]
    )
    func fromTheFirstTime(byRebuild: Bool) async throws {
        try await EmittingSite.with { site in
            try await site.ask("a", "b")
            if byRebuild { try await site.rebuild() }
            try await site.tail()
            #expect(try await site.answers() == 0)
            try await site.ask("c", "a")
            try await site.tail()
            try await site.expectAnswers(after: 2)
            #expect(try await site.number("SELECT sum(count)::bigint FROM read_models.echo") == 4)
        }
    }

    @Test("Rebuilds, resets and rollbacks emit nothing again, and what comes after them is emitted")
    func nothingAgain() async throws {
        try await EmittingSite.with { site in
            try await site.tail()
            try await site.ask("a", "b", "a")
            try await site.tail()
            try await site.expectAnswers()
            let moves: [(String, () async throws -> Void)] = [
                ("rebuild", { try await site.rebuild() }),
                ("fresh rebuild", { try await site.rebuild(fresh: true) }),
                ("reset", { _ = try await site.engine.reset(Echo()) }),
                ("rollback --now", { _ = try await site.engine.rollback(Echo(), now: true) }),
                ("rebuild", { try await site.rebuild() }),
                ("rollback", { _ = try await site.engine.rollback(Echo(), now: false) }),
            ]
            for (name, move) in moves {
                let before = try await site.answers()
                try await move()
                try await site.tail()
                #expect(try await site.answers() == before, "\(name)")
                try await site.ask("c")
                try await site.tail()
                #expect(try await site.answers() == before + 1, "\(name)")
                try await site.expectAnswers()
            }
        }
    }

    @Test("A rebuild that gets further than the live generation emits what that one has not, when it is pointed at")
    func ahead() async throws {
        try await EmittingSite.with { site in
            try await site.tail()
            try await site.ask("a", "b")
            try await site.tail()
            try await site.ask("c", "d", "a")
            try await site.rebuild(until: 6)
            #expect(try await site.number("SELECT count(held_for) FROM refold.outbox") > 0, "some are held")
            #expect(try await site.engine.status().outbox?.waiting == 0, "what is held is not ready")
            try await site.rebuild()
            #expect(try await site.number("SELECT count(*) FROM refold.outbox WHERE held_for IS NULL") == 3)
            let status = try await site.engine.status()
            #expect(status.outbox?.waiting == 3 && status.outbox?.cause == "nobody appends them: start refold tail")
            try await site.tail()
            try await site.expectAnswers()
        }
    }

    @Test("What a generation holds that the live one emits meanwhile is not emitted twice, nor when it is abandoned")
    func overtaken() async throws {
        try await EmittingSite.with { site in
            try await site.tail()
            try await site.ask("a", "b", "c", "d")
            try await site.rebuild(until: 3)
            #expect(try await site.number("SELECT count(held_for) FROM refold.outbox") == 3)
            try await site.tail()
            try await site.rebuild()
            try await site.tail()
            try await site.expectAnswers()
            try await site.ask("e")
            try await site.rebuild(until: 9)
            #expect(try await site.number("SELECT count(held_for) FROM refold.outbox") == 1)
            _ = try await site.engine.abandon([Echo()])
            #expect(try await site.number("SELECT count(*) FROM refold.outbox") == 0)
            try await site.tail()
            try await site.expectAnswers()
        }
    }

    @Test("--emit-from start makes everything emit, once", arguments: [false, true])
    func fromTheStart(byRebuild: Bool) async throws {
        try await EmittingSite.with { site in
            try await site.ask("a", "b", "a")
            if byRebuild { try await site.rebuild(from: 1) } else { try await site.tail(from: 1) }
            try await site.tail(from: 1)
            try await site.rebuild(from: 1)
            try await site.tail()
            try await site.expectAnswers()
            let error = await #expect(throws: EngineError.self) { try await site.tail(from: 2) }
            #expect(error?.code == .emitsAlready)
            #expect(
                error?.message.hasPrefix("echo emits from position 1 on, and has emitted through 6") == true,
                "\(String(describing: error))"
            )
        }
    }

    @Test("--emit-from a position makes the events from there on emit")
    func fromAPosition() async throws {
        try await EmittingSite.with { site in
            try await site.ask("a", "b", "c")
            try await site.tail(from: 2)
            try await site.expectAnswers(after: 1)
        }
    }

    @Test("What was folded without emitting is emitted by a rebuild from the first event, and by nothing else")
    func foldedBefore() async throws {
        try await EmittingSite.with { site in
            try await site.ask("a", "b", "c")
            var silent = site
            silent.projections = [SilentEcho(), Listener()]
            try await silent.tail()
            try await silent.ask("d")
            _ = try await silent.engine.rebuild(RebuildRequest([SilentEcho()], until: 4))
            let error = await #expect(throws: EngineError.self) { try await site.tail(from: 2) }
            #expect(error?.message == "echo has been folded beyond position 2 without emitting")
            try await site.rebuild(from: 1)
            try await site.tail()
            try await site.expectAnswers()
        }
    }

    @Test(
        "A generation that an older program has advanced says that it emits nothing; a rebuild emits what was left out"
    )
    func advancedSilently() async throws {
        try await EmittingSite.with { site in
            try await site.tail()
            try await site.ask("a")
            try await site.tail()
            var silent = site
            silent.projections = [SilentEcho(), Listener()]
            try await silent.ask("b", "c")
            try await silent.tail()
            try await site.ask("d")
            try await site.tail()
            #expect(try await site.answers() == 1)
            let status = try #require(try await site.engine.status().projections.first { $0.name == "echo" })
            #expect(status.cause?.contains("were folded without emitting: rebuild") == true, "\(status)")
            try await site.rebuild()
            try await site.tail()
            try await site.expectAnswers()
            #expect(try await site.engine.status().projections.first?.cause == nil)
        }
    }

    @Test("An event that is set aside emits nothing, whatever was emitted before it was refused")
    func setAside() async throws {
        try await EmittingSite.with { site in
            var site = site
            site.settings.policies["echo"] = .skip
            try await site.tail()
            try await site.ask("a", payload: #"{"id": "a", "count": 2, "refuse": true}"#)
            try await site.ask("b")
            try await site.ask("c", payload: #"{"id": "c", "text": "\u0000"}"#)
            try await site.ask("c", payload: #"{"id": "c", "count": 17}"#)
            try await site.tail()
            #expect(try await site.answers() == 1)
            #expect(try await site.number("SELECT count(*) FROM refold.dead_letters") == 3)
        }
    }

    @Test("Hostile texts arrive as they were emitted", arguments: ["json", "jsonb"])
    func hostileTexts(payload: String) async throws {
        let texts = [
            #"quote " backslash \ slash / brace } {"#, "{}", "NULL", "\\N", "'; DROP TABLE events; --", "a,b,{c}",
            "\u{1}\u{1F}\u{7F}\t\n\r", "e\u{301} é \u{FFFF} \u{10FFFF} 🎬👩‍👩‍👧", "\u{202E}right to left", " ", "",
            String(repeating: "long 🎬 ", count: 20_000),
        ]
        try await EmittingSite.with(store: EmittingSite.store(payload: payload)) { site in
            try await site.tail()
            for text in texts {
                let object: JSON = [
                    "id": .text(text.isEmpty ? "empty" : String(text.prefix(100))), "text": .text(text),
                ]
                try await site.ask("", payload: object.text)
            }
            try await site.tail()
            let found = try await site.connection.query(
                "SELECT event_data->>'text', stream_id FROM events WHERE event_type = 'echo.answered' ORDER BY global_position"
            ).rows
            try #require(found.count == texts.count)
            for (row, text) in zip(found, texts) {
                #expect(Text(try row.text(0)) == Text(text))
                #expect(Text(try row.text(1)) == Text("echo:\(text.isEmpty ? "empty" : String(text.prefix(100)))"))
            }
        }
    }
}

/// ``Echo`` as it was before it emitted anything.
private struct SilentEcho: Projection {
    let echo = Echo()
    var name: ProjectionName { echo.name }
    var version: Int { echo.version }
    var eventTypes: [EventType] { echo.eventTypes }
    var model: ReadModel { echo.model }

    func apply(_ event: Event, to rows: Rows) throws { try echo.count(event, in: rows) }
}
