import Glibc
import Kafka
import Postgres
import Refold
import TestSupport
import Testing

/// Keeps what it applied, and its progress, in one transaction; fails now and then before it and after it.
private struct AppliedEvents: KafkaEventHandler {
    let database: PostgresConnection
    var failsSometimes = false

    static let tables = """
        CREATE TABLE applied (
            ordinal bigserial, topic text, partition integer, position bigint, event_id text UNIQUE, key text
        );
        CREATE TABLE progress (
            topic text, partition integer, epoch bigint, position bigint, next_offset bigint, PRIMARY KEY (topic, partition)
        );
        """

    func progress(of partition: KafkaPartition) async throws -> KafkaProgress? {
        let row = try await database.query(
            "SELECT epoch, position, next_offset FROM progress WHERE topic = $1 AND partition = $2",
            [.text(partition.topic), .int32(partition.number)]
        ).rows.first
        return try row.map { row in
            KafkaProgress(
                epoch: try row.int64(0),
                position: GlobalPosition(try row.int64(1)),
                offset: try row.int64(2)
            )
        }
    }

    func apply(
        _ events: [KafkaEvent],
        of partition: KafkaPartition,
        from old: KafkaProgress?,
        to new: KafkaProgress
    ) async throws {
        if failsSometimes, Int.random(in: 0..<30) == 0 { throw Failing() }
        try await database.transaction { database in
            for event in events {
                try database.execute(
                    "INSERT INTO applied (topic, partition, position, event_id, key) VALUES ($1, $2, $3, $4, $5)",
                    [
                        .text(partition.topic), .int32(partition.number), .int64(event.position.rawValue),
                        .text(event.id), .text(String(decoding: event.key, as: UTF8.self)),
                    ]
                )
            }
            let stored = try database.query(
                """
                INSERT INTO progress VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (topic, partition) DO UPDATE SET epoch = $3, position = $4, next_offset = $5
                WHERE (progress.position, progress.next_offset) = ($6, $7) RETURNING 1
                """,
                [
                    .text(partition.topic), .int32(partition.number), .int64(new.epoch),
                    .int64(new.position.rawValue), .int64(new.offset), .int64(old?.position.rawValue ?? -1),
                    .int64(old?.offset ?? -1),
                ]
            )
            guard !stored.isEmpty else { throw Failing() }
        }
        if failsSometimes, Int.random(in: 0..<30) == 0 { throw Failing() }
    }
}

private struct Failing: Error {}

@Suite("A consumer of events") struct ConsumingTests {
    private static let group = ["session.timeout.ms": "6000", "heartbeat.interval.ms": "300"]

    private func consumer(_ site: RelaySite, fails: Bool) async throws -> (KafkaEventConsumer, PostgresConnection) {
        let url = try #require(site.environment["REFOLD_DATABASE_URL"])
        let database = try await PostgresConnection.connect(to: url)
        var settings = site.kafka.settings
        settings.properties = Self.group
        let handler = AppliedEvents(database: database, failsSometimes: fails)
        return (
            KafkaEventConsumer(KafkaCluster(settings), topics: [RelaySite.topic], group: "g", handler: handler),
            database
        )
    }

    /// A member of the group that is started again whenever it fails, until it is cancelled.
    private func member(_ site: RelaySite, fails: Bool) async throws {
        while !Task.isCancelled {
            let (consumer, database) = try await consumer(site, fails: fails)
            do {
                try await consumer.run()
            } catch let error where error is Failing || error is PostgresError {
                // As a process that dies and is started again. A cancelled member's statement is refused.
            }
            await database.close()
        }
    }

    @Test("applies each event once and in order while relays are killed and members come, fail and go") func once()
        async throws
    {
        try await RelaySite.with { site in
            try await site.connection.executeScript(AppliedEvents.tables)
            let steady = Task { try await member(site, fails: true) }
            for round in 1...4 {
                let guest = round % 2 == 0 ? Task { try await member(site, fails: false) } : nil
                try await site.append(1_000)
                try await site.running("relay") { relay in
                    try await wait(for: "the relay to begin") { relay.errors.contains("relaying") }
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...200)))
                    await relay.send(SIGKILL)
                    _ = try await relay.outcome()
                }
                try await Task.sleep(for: .seconds(1))
                guest?.cancel()
                try await guest?.value
            }
            try await site.succeed("relay", "--until-caught-up")
            try await wait(for: "all events to be applied", within: .seconds(120)) {
                try await site.number("SELECT count(*) FROM applied") == 4_000
            }
            try await wait(for: "the markers") {
                try await site.number("SELECT count(*) FROM progress WHERE position >= 4000") == 4
            }
            steady.cancel()
            try await steady.value
            #expect(
                try await site.number(
                    """
                    SELECT count(*) FROM events e FULL JOIN applied a ON a.event_id = e.event_id::text
                    WHERE e.global_position IS DISTINCT FROM a.position
                       OR a.key IS DISTINCT FROM e.event_data->>'user_id'
                    """
                ) == 0
            )
            #expect(
                try await site.number(
                    """
                    SELECT count(*) FROM (
                        SELECT position < lag(position) OVER (PARTITION BY key ORDER BY ordinal) AS is_late FROM applied
                    ) AS o WHERE is_late
                    """
                ) == 0
            )
        }
    }

    @Test("ends with the positions of events that did not come, having applied those before") func gap() async throws {
        try await RelaySite.with(partitions: 1) { site in
            try await site.connection.executeScript(AppliedEvents.tables)
            let producer = try site.kafka.producer()
            func record(_ position: Int, after previous: Int) -> KafkaRecord {
                let headers = [
                    "refold-event-id": "e\(position)", "refold-type-version": "1", "refold-position": "\(position)",
                    "refold-prev": "\(previous)", "refold-epoch": "1",
                ]
                return KafkaRecord(
                    topic: RelaySite.topic,
                    partition: 0,
                    key: Array("k".utf8),
                    value: Array("{}".utf8),
                    headers: headers.map { KafkaHeader($0.key, Array($0.value.utf8)) }
                )
            }
            for place in [(1, 0), (2, 1), (9, 7)] { try await producer.send(record(place.0, after: place.1)) }
            await producer.close()
            let (consumer, database) = try await consumer(site, fails: false)
            let failure = await #expect(throws: KafkaError.self) { try await consumer.run() }
            #expect(failure?.code == .gap && failure?.message.contains("after position 2, up to 7") == true)
            #expect(try await site.number("SELECT count(*) FROM applied") == 2)
            await database.close()
        }
    }
}
