import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("The mark on a server")
struct HighWaterMarkProbeTests {
    @Test("An empty store has mark 0, and each commit moves it")
    func moves() async throws {
        try await TestStore.with { store in
            let probe = try await store.probe()
            #expect(try await probe.sample().mark == 0)
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 10)")
            let sample = try await probe.sample()
            #expect(sample.mark == 10)
            #expect(sample.lastValue == 10)
            #expect(sample.moved)
            #expect(try await !probe.sample().moved)
        }
    }

    @Test("An open transaction holds the mark below what it drew, whatever others commit meanwhile")
    func holds() async throws {
        try await TestStore.with { store in
            let writer = try await store.connect()
            let probe = try await store.probe()
            try await store.connection.executeScript(store.insert)
            #expect(try await probe.sample().mark == 1)
            try await writer.executeScript("BEGIN; \(store.insert)")
            try await store.connection.executeScript(store.insert)
            let held = try await probe.sample()
            #expect(held.mark == 1)
            #expect(held.lastValue == 3)
            #expect(held.hold?.position == 2)
            #expect(held.hold?.transaction.processID == writer.backendPID)
            try await writer.executeScript("COMMIT")
            #expect(try await probe.sample().mark == 3)
        }
    }

    @Test("Every way to draw a position holds the mark until the transaction ends", arguments: WayToDraw.allCases)
    func ways(way: WayToDraw) async throws {
        try await TestStore.with { store in
            let writer = try await store.connect()
            let probe = try await store.probe()
            try await writer.executeScript(way.script(store))
            for _ in 0..<3 { try await store.connection.executeScript(store.insert) }
            let sample = try await probe.sample()
            #expect(sample.mark == 0)
            #expect(sample.hold?.position == 1)
            try await writer.executeScript("ROLLBACK")
            let after = try await probe.sample()
            #expect(after.mark == after.lastValue)
        }
    }

    @Test("The newest position is never ahead of what was drawn, while others draw without pause")
    func newestIsNotAhead() async throws {
        try await TestStore.with { store in
            let (reader, inspected) = (store.connection, try await store.inspect())
            // A reader that was shown numbers ahead sees the sequence go back afterwards.
            try await reader.executeScript(
                """
                CREATE FUNCTION times_gone_back(looks integer) RETURNS integer LANGUAGE plpgsql AS $$
                DECLARE before bigint := 0; now bigint; times integer := 0;
                BEGIN
                    FOR look IN 1..looks LOOP
                        SELECT newest INTO now FROM (\(inspected.sequence.lastValueSQL)) AS s (newest);
                        IF now < before THEN times := times + 1; END IF;
                        before := now;
                    END LOOP;
                    RETURN times;
                END $$
                """
            )
            let writers = try await [store.connect(), store.connect()]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in writers {
                    group.addTask {
                        // Ended by the cancellation below.
                        _ = try? await writer.query(
                            "SELECT count(nextval('\(store.sequence)')) FROM generate_series(1, 100000000)"
                        )
                    }
                }
                let times = try await reader.query("SELECT times_gone_back(200000)").int32(0, 0)
                #expect(times == 0)
                for writer in writers { writer.cancel() }
                group.cancelAll()
            }
        }
    }
}

@Suite("A store that changes while it is watched")
struct ExchangedStoreTests {
    /// Samples until it throws.
    private func refusal(of probe: HighWaterMarkProbe) async throws -> EventStoreError {
        var refusal: EventStoreError?
        try await wait(for: "a refusal") {
            do throws(EventStoreError) {
                _ = try await probe.sample()
            } catch {
                refusal = error
            }
            return refusal != nil
        }
        return try #require(refusal)
    }

    private static let swap = """
        BEGIN;
        CREATE TABLE parted (LIKE events INCLUDING DEFAULTS) PARTITION BY RANGE (global_position);
        CREATE TABLE parted_1 PARTITION OF parted DEFAULT;
        CREATE UNIQUE INDEX ON parted (global_position);
        CREATE SEQUENCE parted_seq;
        SELECT setval('parted_seq', nextval('events_global_position_seq'));
        ALTER TABLE parted ALTER global_position SET DEFAULT nextval('parted_seq');
        INSERT INTO parted SELECT * FROM events;
        ALTER TABLE events RENAME TO events_old;
        ALTER TABLE parted RENAME TO events;
        COMMIT
        """
    private static let otherSequence = """
        BEGIN;
        CREATE SEQUENCE other_seq;
        SELECT setval('other_seq', nextval('events_global_position_seq'));
        ALTER TABLE events ALTER global_position SET DEFAULT nextval('other_seq');
        COMMIT
        """

    @Test(
        "An exchanged table or sequence is noticed, and followed where the events are the same",
        arguments: [swap, otherSequence]
    )
    func exchanged(script: String) async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 20)")
            let (probe, found) = (try await store.probe(), try await store.inspect())
            let log = try await LogIdentityStore.open(store.connection, found)
            try await LogIdentityStore.store(
                try await probe.sample().mark,
                of: found,
                log: log.id,
                on: store.connection
            )
            let subscriptions = EventSubscriptions(pacing: SamplePacing(idle: .milliseconds(20))) {
                try await store.connect()
            }
            async let followed = subscriptions.subscribe(from: 1).first { $0.position > 21 }
            try await store.connection.executeScript(script)
            try await store.connection.executeScript(store.insert)
            let refusal = try await refusal(of: probe)
            #expect(refusal.code == .storeChanged && refusal.isTransient)
            let known = try await LogIdentityStore.verify(store.connection, try await store.inspect())
            #expect(known?.id == log.id)
            #expect(try await followed?.position == 22)
        }
    }

    @Test("A position that was inserted above the newest drawn does not make the log seem to shrink")
    func inserted() async throws {
        try await TestStore.with { store in
            let (holder, probe) = (try await store.connect(), try await store.probe())
            try await holder.executeScript("BEGIN; SELECT nextval('\(store.sequence)')")
            try await store.connection.executeScript("\(store.insert); \(store.insert)")
            for position in [1, 4] as [Int64] {
                try await store.connection.execute(
                    """
                    INSERT INTO \(store.events) (global_position, event_id, stream_id, stream_version, event_type, event_data)
                    VALUES ($1, gen_random_uuid(), gen_random_uuid()::text, 1, 'counted', '{"n": 1}')
                    """,
                    [.int64(position)]
                )
            }
            for _ in 0..<3 { _ = try await probe.sample() }
            let sample = try await probe.sample()
            #expect(sample.mark == 3 && sample.lastValue == 3)
        }
    }
}

/// A way to draw position 1 in a transaction that stays open.
enum WayToDraw: String, CaseIterable {
    case nextvalEarly, insert, severalRows, releasedSavepoint, savepointRolledBack, exceptionBlock

    func script(_ store: TestStore) -> String {
        switch self {
        case .nextvalEarly: "BEGIN; SELECT nextval('\(store.sequence)')"
        case .insert: "BEGIN; \(store.insert)"
        case .severalRows: "BEGIN; \(store.insert) FROM generate_series(1, 3)"
        case .releasedSavepoint: "BEGIN; SAVEPOINT s; \(store.insert); RELEASE s"
        case .savepointRolledBack: "BEGIN; SAVEPOINT s; \(store.insert); ROLLBACK TO s"
        case .exceptionBlock:
            """
            BEGIN;
            DO $$ BEGIN \(store.insert); RAISE division_by_zero; EXCEPTION WHEN OTHERS THEN NULL; END $$
            """
        }
    }
}
