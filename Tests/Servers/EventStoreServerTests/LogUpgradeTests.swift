import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Tables from before a name could stand for several logs")
struct LogUpgradeTests {
    private static let before = """
        CREATE SCHEMA refold;
        CREATE TABLE refold.logs (
            log text PRIMARY KEY, mark bigint NOT NULL, system_identifier bigint, timeline bigint NOT NULL,
            database_oid oid NOT NULL, events_oid oid NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE refold.holes (
            log text NOT NULL, after bigint NOT NULL, through bigint NOT NULL, events bigint NOT NULL,
            looks smallint NOT NULL DEFAULT 0, passed_at timestamptz NOT NULL DEFAULT now(), due_at timestamptz NOT NULL,
            PRIMARY KEY (log, after, through)
        );
        CREATE INDEX holes_due ON refold.holes (log, due_at);
        CREATE TABLE refold.late_events (
            log text NOT NULL, position bigint NOT NULL, found_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (log, position)
        );
        INSERT INTO refold.logs (log, mark, timeline, database_oid, events_oid)
        SELECT name, 20, 1, (SELECT oid FROM pg_database WHERE datname = current_database()), 1
        FROM unnest(ARRAY['"public"."events"', '"public"."others"']) name;
        INSERT INTO refold.holes (log, after, through, events, due_at)
        VALUES ('"public"."events"', 23, 24, 0, now()), ('"public"."others"', 23, 24, 0, now()),
               ('"public"."unknown"', 23, 24, 0, now());
        INSERT INTO refold.late_events (log, position) VALUES ('"public"."events"', 7)
        """

    @Test("are upgraded in place, and again; what they knew is kept")
    func upgrade() async throws {
        try await TestStore.with(migrated: false) { store in
            try await store.connection.executeScript(Self.before)
            for _ in 0..<2 { try await EventStoreSchema.migrate(on: store.connection, store.settings) }
            let found = try await store.inspect()
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 20)")
            let known = try #require(try await LogIdentityStore.verify(store.connection, found))
            #expect(known.mark == 20)
            let late = try await GapRecheck.found(store.connection, store.settings)
            #expect(late.map(\.position) == [7] && late.first?.log == known.id)
            let holes = try await store.connection.query("SELECT count(*), count(DISTINCT log_id) FROM refold.holes")
            #expect(try holes.int64(0, 0) == 2 && holes.int64(0, 1) == 2)
            let sweep = GapRecheck(try await store.connect(), found, log: known.id)
            #expect(try await sweep.step().isEmpty)
            try await LogIdentityStore.store(20, of: found, log: known.id, on: store.connection)
            try await store.connection.executeScript("DELETE FROM refold.logs")
            let left = try await store.connection.query(
                """
                SELECT (SELECT count(*) FROM refold.holes) + (SELECT count(*) FROM refold.late_events)
                     + (SELECT count(*) FROM refold.anchors)
                """
            )
            #expect(try left.int64(0, 0) == 0)
        }
    }
}
