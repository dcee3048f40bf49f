import Engine
import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Status")
struct StatusTests {
    @Test("Before the migration there is none, and the remedy is named")
    func unmigrated() async throws {
        try await EngineSite.with(migrated: false) { site in
            let error = await #expect(throws: EngineError.self) { try await site.engine.status() }
            #expect(error?.code == .notMigrated && error?.remedy == "run refold migrate")
        }
    }

    @Test("A new installation is empty; lag is what the log holds")
    func empty() async throws {
        try await EngineSite.with { site in
            let none = try await site.engine.status()
            #expect(none.store.position == 0 && none.store.mark == 0 && none.store.payload == "json")
            #expect(none.store.table == "public.events" && none.store.batchSize == 100 && none.store.hold == nil)
            #expect(none.projections.map(\.name) == site.engine.projections.map(\.name))
            #expect(none.projections.allSatisfy { $0.state == .empty && $0.lag == 0 && $0.live == nil })
            try await site.load(300)
            let loaded = try await site.engine.status()
            #expect(loaded.store.position == 300 && loaded.store.mark == 300)
            #expect(loaded.projections.allSatisfy { $0.lag == 300 && $0.lagTime ?? .zero > .zero })
        }
    }

    @Test("After a rebuild it is live and current; new events are lag in events and in the age of the oldest")
    func live() async throws {
        try await EngineSite.with { site in
            try await site.load(300)
            try await site.rebuild()
            let live = try #require(try await site.status(of: "user_profiles"))
            #expect(live.state == .live && live.live != nil && live.position == 300 && live.lag == 0)
            #expect(live.lagTime == .zero && live.owner == nil && live.building == nil && live.cache == .off)
            try await site.connection.execute(
                """
                INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, "timestamp")
                SELECT gen_random_uuid(), 'late', n, 'nobody.reads', '{}', now() - interval '90 s' FROM generate_series(1, 2) n
                """
            )
            let behind = try #require(try await site.status(of: "user_profiles"))
            #expect(behind.lag == 2)
            #expect((89...150).contains((behind.lagTime ?? .zero) / .seconds(1)))
        }
    }

    @Test("A half-built generation is shown with position and target, and that nobody builds it")
    func building() async throws {
        try await EngineSite.with { site in
            try await site.load(500)
            try await site.rebuild(until: 200)
            let status = try #require(try await site.status(of: "trending_score"))
            let building = try #require(status.building)
            #expect(building.position == 200 && building.state == .building && building.owner == nil)
            #expect(status.state == .empty)
            try await site.rebuild()
            #expect(try await site.status(of: "trending_score")?.building == nil)
        }
    }

    @Test("Whose lease lives is the owner, and not who once was")
    func owner() async throws {
        try await EngineSite.with { site in
            try await site.load(100)
            try await site.rebuild()
            let live = try #require(try await site.status(of: "user_profiles")?.live)
            try await site.connection.execute(
                """
                WITH former AS (
                    INSERT INTO refold.owners (id, host, boot, pid_namespace, started, pid, lease_milliseconds, renewed_at, server_run)
                    VALUES (gen_random_uuid(), 'elsewhere', '', '', 0, 42, 10000, now() - interval '11 s',
                            (SELECT id FROM refold.server_run)) RETURNING id
                )
                UPDATE refold.checkpoints SET owner = former.id, owner_since = now(), rate = 7 FROM former
                 WHERE generation = $1
                """,
                [.int64(live.rawValue)]
            )
            let left = try #require(try await site.status(of: "user_profiles"))
            #expect(left.owner == nil && left.state == .live && left.rate == nil)
            let tail = Task { [engine = site.engine] in try await engine.tail(TailRequest(engine.projections)) }
            try await wait(for: "the daemon to be the owner") {
                try await site.status(of: "user_profiles")?.state == .tailing
            }
            let owner = try #require(try await site.status(of: "user_profiles")?.owner)
            #expect(owner.host != "elsewhere" && owner.since != nil)
            tail.cancel()
            #expect(try await tail.value.isEmpty)
            #expect(try await site.status(of: "user_profiles")?.owner == nil)
        }
    }

    @Test("A projection that refused an event is stopped, with the cause")
    func stopped() async throws {
        try await EngineSite.with { site in
            try await site.load(100)
            try await site.rebuild()
            let poison = try await site.appendPoison()
            let tail = Task { [engine = site.engine] in try await engine.tail(TailRequest(engine.projections)) }
            try await wait(for: "the projection to stop") {
                try await site.status(of: "trending_score")?.state == .stopped
            }
            tail.cancel()
            let left = try await tail.value
            #expect(left.contains { $0.projection == "trending_score" }, "\(left)")
            let status = try #require(try await site.status(of: "trending_score"))
            #expect(status.cause?.contains("\(poison)") == true, "\(status)")
            #expect(status.position.rawValue == poison.rawValue - 1)
            #expect(status.lastError != nil)
        }
    }

    @Test("Other settings than the live generation's are told")
    func otherIdentity() async throws {
        try await EngineSite.with { site in
            try await site.load(100)
            try await site.rebuild()
            var other = site
            other.halfLife = .seconds(60)
            #expect(try await other.status(of: "trending_score")?.cause?.contains("rebuild") == true)
            #expect(try await other.status(of: "user_profiles")?.cause == nil)
        }
    }

    @Test("A transaction that holds the mark for more than a second is named")
    func hold() async throws {
        try await EngineSite.with { site in
            try await site.load(100)
            let writer = try await PostgresConnection.connect(
                to: site.settings.databaseURL,
                PostgresOptions(applicationName: "slow writer")
            )
            try await writer.executeScript("BEGIN; SELECT nextval('events_global_position_seq')")
            #expect(try await site.engine.status().store.hold == nil)
            try await wait(for: "the hold") { try await site.engine.status().store.hold != nil }
            let store = try await site.engine.status().store
            #expect(store.hold?.processID == writer.backendPID && store.hold?.application == "slow writer")
            #expect(store.hold?.position == 101 && store.mark == 100 && store.position == 101)
            await writer.close()
        }
    }

    @Test("A store that cannot be read, or has shrunk, is a problem beside the projections' states")
    func problem() async throws {
        try await EngineSite.with { site in
            try await site.load(300)
            try await site.rebuild()
            try await site.engine.tail(TailRequest(site.engine.projections, untilCaughtUp: true))
            try await site.connection.executeScript("ALTER SEQUENCE events_global_position_seq CACHE 20")
            let cached = try await site.engine.status()
            #expect((cached.store.problem as? EventStoreError)?.code == .sequenceCached)
            #expect(cached.projections.allSatisfy { $0.position == 300 && $0.live != nil })
            try await site.connection.executeScript(
                """
                ALTER SEQUENCE events_global_position_seq CACHE 1;
                DELETE FROM events WHERE global_position > 100; SELECT setval('events_global_position_seq', 100)
                """
            )
            #expect((try await site.engine.status().store.problem as? EventStoreError)?.code == .logShrank)
        }
    }

    @Test("Late events are listed until they are forgotten")
    func lateEvents() async throws {
        try await EngineSite.with { site in
            try await site.load(100)
            try await site.rebuild()
            try await site.connection.execute(
                "INSERT INTO refold.late_events (log_id, position) SELECT max(id), 7 FROM refold.logs"
            )
            #expect(try await site.engine.status().store.lateEvents == [7])
        }
    }
}
