import Engine
import Postgres
import Refold
import RefoldCommandLine
import TestProjections
import TestSupport
import Testing

/// How emitted events get from the outbox to the log, and what keeps them from it.
@Suite("Appending what was emitted") struct AppenderTests {
    @Test("Other writers in an emitter's stream are no obstacle: its version is repaired, and events go after theirs")
    func versionConflict() async throws {
        try await EmittingSite.with { site in
            try await site.tail()
            // Without the stream's row, as programs do that do not know it.
            try await site.connection.executeScript(
                """
                INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data)
                SELECT gen_random_uuid(), 'echo:a', n, 'foreign', '{}' FROM generate_series(1, 3) n
                """
            )
            try await site.ask("a", "b", "a")
            try await site.tail()
            #expect(try await site.answers() == 3)
            #expect(
                try await site.number(
                    "SELECT min(stream_version)::bigint FROM events WHERE event_type = 'echo.answered' AND stream_id = 'echo:a'"
                ) == 4
            )
            try await site.expectAnswers()
        }
    }

    @Test("Streams whose names are canonically equal are repaired each by itself")
    func canonicallyEqual() async throws {
        try await EmittingSite.with { site in
            try await site.tail()
            let users = ["caf\u{e9}", "cafe\u{301}"]
            for user in users {
                try await site.connection.execute(
                    """
                    INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data)
                    VALUES (gen_random_uuid(), 'echo:' || $1::text, 1, 'foreign', '{}')
                    """,
                    [.text(user)]
                )
            }
            try await site.ask(users[0], users[1])
            try await site.tail()
            #expect(try await site.answers() == 2)
            try await site.expectAnswers()
        }
    }

    @Test("An emission that is in the log already is not appended again")
    func alreadyThere() async throws {
        try await EmittingSite.with { site in
            try await site.tail()
            try await site.ask("a")
            try await site.tail()
            try await site.connection.executeScript(
                """
                INSERT INTO refold.outbox (log, projection, position, ordinal, source_id, event_type, type_version, stream,
                                           payload)
                SELECT '"public"."events"', 'echo', global_position, 0, event_id, 'echo.answered', 1, 'a', '{}'
                  FROM events WHERE event_type = 'echo.asked'
                """
            )
            try await site.ask("b")
            try await site.tail()
            try await site.expectAnswers()
        }
    }

    @Test(
        "A daemon appends within moments; while another session has a stream's row, it waits and holds no position back"
    )
    func lockedStream() async throws {
        try await EmittingSite.with { site in
            try await site.tailing {
                try await wait(for: "the appender") { try await site.engine.status().outbox?.appender != nil }
                try await site.ask("a")
                try await site.waitForAnswers(1)
                let other = try await PostgresConnection.connect(to: site.url)
                try await other.executeScript("BEGIN; SELECT FROM streams WHERE stream_id = 'echo:a' FOR UPDATE")
                try await site.ask("a")
                try await wait(for: "a session that waits for the stream") {
                    try await site.number(
                        """
                        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                           AND application_name = 'refold append' AND wait_event_type = 'Lock'
                        """
                    ) == 1
                }
                try await site.ask("b")
                let newest = try await site.number("SELECT max(global_position) FROM events")
                try await wait(for: "the projection to pass what is not appended yet") {
                    try await site.number(
                        "SELECT c.position FROM refold.checkpoints c JOIN refold.projections p ON p.live = c.generation WHERE p.name = 'echo'"
                    ) >= newest
                }
                try await wait(for: "the cause") {
                    try await site.engine.status().projections.contains { $0.cause?.contains("session append") == true }
                }
                try await other.executeScript("COMMIT")
                await other.close()
                try await site.waitForAnswers(3)
            }
            try await site.expectAnswers()
        }
    }

    @Test("Sessions that are ended at any moment lose and repeat nothing")
    func terminated() async throws {
        try await EmittingSite.with { site in
            try await site.tailing {
                try await wait(for: "the projection to be live") {
                    try await site.number("SELECT count(live) FROM refold.projections") == 2
                }
                for round in 0..<60 {
                    try await site.ask("a\(round % 7)", payload: #"{"id": "a\#(round % 7)", "count": \#(round % 4)}"#)
                    guard round % 4 == 0 else { continue }
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...40)))
                    _ = try await site.connection.query(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
                           AND application_name = ANY ($1)
                        """,
                        [
                            .textArray(
                                [["refold append"], ["refold echo"], ["refold append", "refold echo"]].randomElement()
                                    ?? []
                            )
                        ]
                    )
                }
                try await site.waitForAnswers(90)
            }
            try await site.expectAnswers()
        }
    }

    @Test("Of several daemons one appends; when it ends, another takes over")
    func takeover() async throws {
        try await EmittingSite.with { site in
            let first = Task { try await site.engine.tail(TailRequest(site.projections)) }
            try await wait(for: "the first appender") { try await site.engine.status().outbox?.appender != nil }
            let owner = try await site.connection.query("SELECT owner::text FROM refold.appenders").text(0, 0)
            try await site.tailing {
                try await wait(for: "two daemons") { try await site.number("SELECT count(*) FROM refold.owners") == 2 }
                for _ in 0..<10 { try await site.ask("a", "b") }
                try await site.waitForAnswers(20)
                #expect(try await site.connection.query("SELECT owner::text FROM refold.appenders").text(0, 0) == owner)
                first.cancel()
                _ = try await first.value
                try await site.ask("c")
                try await site.waitForAnswers(21)
                #expect(try await site.connection.query("SELECT owner::text FROM refold.appenders").text(0, 0) != owner)
            }
            try await site.expectAnswers()
        }
    }

    @Test("A run that ends at the head says what keeps the outbox from being emptied")
    func notAllowed() async throws {
        try await EmittingSite.with { site in
            var site = site
            site.settings.retryLimit = .seconds(1)
            try await site.tail()
            try await site.ask("a")
            try await site.connection.executeScript(
                """
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION 'no answers today'; END $$;
                CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW
                    WHEN (NEW.event_type = 'echo.answered') EXECUTE FUNCTION refuse()
                """
            )
            let error = await #expect(throws: (any Error).self) { try await site.tail() }
            #expect(String(describing: error).contains("no answers today"))
            try await site.connection.executeScript("DROP TRIGGER refuse ON events")
            try await site.tail()
            try await site.expectAnswers()
        }
    }

    @Test(
        "A store that has no ids refuses the projection that emits, and no other",
        arguments: [nil, "event_id text UNIQUE,"]
    )
    func noIDs(eventID: String?) async throws {
        try await EmittingSite.with(store: EmittingSite.store(payload: "json", eventID: eventID)) { site in
            let columns = eventID == nil ? "" : "event_id, "
            let values = eventID == nil ? "" : "'one', "
            try await site.connection.executeScript(
                "INSERT INTO events (\(columns)stream_id, stream_version, event_type, event_data) VALUES (\(values)'s', 1, 'echo.answered', '{\"id\": \"a\"}')"
            )
            let outcomes = try await site.engine.rebuild(RebuildRequest(site.projections))
            let refused = try #require(outcomes[0].error)
            #expect((refused as? EngineError)?.code == .cannotEmit)
            #expect(Failure(refused).code == 78)
            #expect(String(describing: refused).hasPrefix("echo emits events, and the store cannot take them: "))
            #expect(outcomes[1].error == nil && outcomes[1].state == .pointed)
            for verb in [{ try await site.tail() }, { _ = try await site.engine.reset(Echo()) }] {
                let error = await #expect(throws: EngineError.self) { try await verb() }
                #expect(error?.code == .cannotEmit)
            }
        }
    }

    @Test("A projection that reads what follows from what it emits is refused before anything is done")
    func loop() async throws {
        try await EmittingSite.with { site in
            var site = site
            site.projections += [Mirror()]
            let verbs: [() async throws -> Void] = [
                { try await site.engine.migrate() }, { try await site.tail() }, { try await site.rebuild() },
                { _ = try await site.engine.reset(Echo()) },
            ]
            for verb in verbs {
                let error = await #expect(throws: EngineError.self) { try await verb() }
                #expect(
                    error?.message
                        == "projections would emit for ever: echo emits echo.answered, which is read: mirror emits echo.asked, which echo reads"
                )
                #expect(error.map { Failure($0).code } == 78)
            }
        }
    }
}

/// Asks again whatever was answered.
private struct Mirror: Projection {
    let name: ProjectionName = "mirror"
    let version = 1
    let eventTypes: [EventType] = [.answered]
    let emittedTypes: [EventType] = [.asked]
    let model = ReadModel()

    func apply(_ event: Event, to rows: Rows) throws {}
}
