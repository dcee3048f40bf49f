import Engine
import EventStore
import Postgres
import Refold
import TestSupport
import Testing

/// The last step of a rebuild.
@Suite("The end of a rebuild")
struct SwitchoverTests {
    private func number(_ site: EngineSite, _ sql: String) async throws -> Int64 {
        try await site.connection.query(sql).int64(0, 0)
    }

    @Test("A COMMIT whose answer is lost is looked up, and nothing is folded twice")
    func lostAnswer() async throws {
        try await EngineSite.with { site in
            try await site.load(2_000)
            try await site.rebuild()
            let relay = try SilencedRelay(to: site.settings.databaseURL, cuttingAfter: ["SET live = $2", "COMMIT"])
            defer { relay.close() }
            var remote = site
            remote.settings.databaseURL = relay.relayedURL
            let profiles = try remote.projection("user_profiles")
            let before = try await number(site, "SELECT max(generation) FROM refold.generations")
            let outcome = try await remote.engine.rebuild(RebuildRequest([profiles]))[0]
            #expect(relay.hasCut)
            #expect(outcome.state == .pointed && outcome.error == nil, "\(outcome)")
            #expect(outcome.generation?.rawValue == before + 1)
            #expect(try await number(site, "SELECT max(generation) FROM refold.generations") == before + 1)
            let pointer = try await site.connection.query(
                "SELECT live, kept, revision FROM refold.projections WHERE name = 'user_profiles'"
            )
            #expect(try pointer.int64(0, "live") == before + 1)
            // The copy for a rollback is still there.
            #expect(try pointer.int64(0, "kept") < before + 1)
            #expect(try pointer.int64(0, "revision") == 2)
        }
    }

    @Test("A rollback whose session ends before it has pointed is not taken for done")
    func endedBefore() async throws {
        try await EngineSite.with { site in
            try await site.load(1_000)
            try await site.rebuild()
            try await site.rebuild()
            let profiles = try site.projection("user_profiles")
            let pointer = "SELECT live::text || ' ' || kept || ' ' || revision FROM refold.projections WHERE name = $1"
            let before = try await site.connection.query(pointer, [.text("user_profiles")]).text(0, 0)
            let blocker = try await PostgresConnection.connect(to: site.settings.databaseURL)
            try await blocker.executeScript(
                "BEGIN; SELECT FROM refold.projections WHERE name = 'user_profiles' FOR UPDATE"
            )
            let rollback = Task { try await site.engine.rollback(profiles, now: false) }
            try await wait(for: "the rollback to wait for the pointer, and to be ended") {
                try await number(
                    site,
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE datname = current_database() AND \(blocker.backendPID) = ANY (pg_blocking_pids(pid))
                    """
                ) > 0
            }
            await blocker.close()
            await #expect(throws: PostgresError.self) { _ = try await rollback.value }
            #expect(try await site.connection.query(pointer, [.text("user_profiles")]).text(0, 0) == before)
        }
    }

    @Test("A reset whose answer is lost is looked up: another one would drop what it has kept")
    func lostReset() async throws {
        try await EngineSite.with { site in
            try await site.load(1_000)
            try await site.rebuild()
            let pointer = "SELECT live, kept FROM refold.projections WHERE name = 'user_profiles'"
            let before = try await site.connection.query(pointer).int64(0, "live")
            let relay = try SilencedRelay(to: site.settings.databaseURL, cuttingAfter: ["SET live = $2", "COMMIT"])
            defer { relay.close() }
            var remote = site
            remote.settings.databaseURL = relay.relayedURL
            let number = try await remote.engine.reset(remote.projection("user_profiles"))
            #expect(relay.hasCut)
            let after = try await site.connection.query(pointer)
            #expect(try after.int64(0, "live") == number.rawValue)
            #expect(try after.int64(0, "kept") == before)
        }
    }

    @Test("A rollback at once whose answer is lost is looked up: another one would undo it")
    func lostRollback() async throws {
        try await EngineSite.with { site in
            try await site.load(1_000)
            try await site.rebuild()
            try await site.rebuild()
            let pointer = "SELECT live, kept FROM refold.projections WHERE name = 'user_profiles'"
            let before = try await site.connection.query(pointer)
            let relay = try SilencedRelay(to: site.settings.databaseURL, cuttingAfter: ["SET live = $2", "COMMIT"])
            defer { relay.close() }
            var remote = site
            remote.settings.databaseURL = relay.relayedURL
            let number = try await remote.engine.rollback(remote.projection("user_profiles"), now: true)
            #expect(relay.hasCut)
            let after = try await site.connection.query(pointer)
            #expect(try after.int64(0, "live") == number.rawValue)
            #expect(try after.int64(0, "live") == before.int64(0, "kept"))
            #expect(try after.int64(0, "kept") == before.int64(0, "live"))
        }
    }

    @Test("A live generation that is always ahead is held for a limited time, and what was folded is kept")
    func outpaced() async throws {
        try await EngineSite.with { site in
            try await site.load(1_000)
            try await site.rebuild()
            let live = try await number(site, "SELECT live FROM refold.projections WHERE name = 'user_profiles'")
            // The mark, and with it the rebuild's goal, stays behind the 120,000 events that come now.
            let writer = try await PostgresConnection.connect(to: site.settings.databaseURL)
            let insert = """
                INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data)
                SELECT gen_random_uuid(), 'more', %, 'thing.happened', '{}'
                """
            try await writer.executeScript("BEGIN; " + insert.replacing("%", with: "1"))
            try await site.connection.executeScript(
                insert.replacing("%", with: "n") + " FROM generate_series(2, 120000) n"
            )
            // Whenever the new generation has caught up, the live one is 5,000 positions ahead again.
            try await site.connection.executeScript(
                """
                CREATE FUNCTION ahead() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    UPDATE refold.checkpoints SET position = NEW.position + 5000 WHERE generation = \(live);
                    RETURN NULL;
                END $$;
                CREATE TRIGGER ahead AFTER UPDATE OF position ON refold.checkpoints FOR EACH ROW
                    WHEN (NEW.generation <> \(live)) EXECUTE FUNCTION ahead()
                """
            )
            var hurried = site
            hurried.settings.switchoverLimit = .zero
            let request = RebuildRequest([try site.projection("user_profiles")])
            let outpaced = try await hurried.engine.rebuild(request)[0]
            #expect(outpaced.state == .ready)
            #expect((outpaced.error as? EngineError)?.code == .outpaced, "\(outpaced)")
            #expect(try await number(site, "SELECT live FROM refold.projections WHERE name = 'user_profiles'") == live)

            let pointed = try await site.engine.rebuild(request)[0]
            #expect(pointed.state == .pointed && pointed.generation == outpaced.generation, "\(pointed)")
            let position = "SELECT position FROM refold.checkpoints WHERE generation = \(pointed.generation ?? 0)"
            let ofLive = "SELECT position FROM refold.checkpoints WHERE generation = \(live)"
            #expect(try await number(site, position) >= 1_000 + 8 * 5_000)
            #expect(try await number(site, ofLive) - number(site, position) == 5_000)
            await writer.close()
        }
    }
}
