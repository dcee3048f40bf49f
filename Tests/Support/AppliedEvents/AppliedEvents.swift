public import Kafka
public import Postgres
import Refold

/// A handler as a service has one: it keeps what it applied, and its progress, in one transaction.
public struct AppliedEvents: KafkaEventHandler {
    private let database: PostgresConnection
    private let failsSometimes: Bool

    /// - Parameter failsSometimes: throws ``Failing`` now and then, before the transaction or after it.
    public init(_ database: PostgresConnection, failsSometimes: Bool) {
        self.database = database
        self.failsSometimes = failsSometimes
    }

    /// What it needs.
    public static let tables = """
        CREATE TABLE applied (
            ordinal bigserial, topic text, partition integer, position bigint, event_id text UNIQUE, key text
        );
        CREATE TABLE progress (
            topic text, partition integer, epoch bigint, position bigint, next_offset bigint, PRIMARY KEY (topic, partition)
        );
        """

    /// What was stored with the last events of the partition.
    public func progress(of partition: KafkaPartition) async throws -> KafkaProgress? {
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

    /// Stores the events and the progress, unless another member has stored a later one.
    public func apply(
        _ events: [KafkaEvent],
        of partition: KafkaPartition,
        from old: KafkaProgress?,
        to new: KafkaProgress
    ) async throws {
        if failsSometimes, Int.random(in: 0..<30) == 0 { throw Failing() }
        try await database.transaction { database in
            // First: of two members the later one is refused here, so that an event that comes twice is an error of its
            // own, by its id.
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
            for event in events {
                try database.execute(
                    "INSERT INTO applied (topic, partition, position, event_id, key) VALUES ($1, $2, $3, $4, $5)",
                    [
                        .text(partition.topic), .int32(partition.number), .int64(event.position.rawValue),
                        .text(event.id), .text(String(decoding: event.key, as: UTF8.self)),
                    ]
                )
            }
        }
        if failsSometimes, Int.random(in: 0..<30) == 0 { throw Failing() }
    }
}

/// What a handler that fails throws.
public struct Failing: Error {}
