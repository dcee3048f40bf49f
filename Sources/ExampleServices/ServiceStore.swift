import Kafka
import Postgres
import Refold

/// Keeps a service's tables and its progress, each batch of events in one transaction: so each is applied exactly once.
struct ServiceStore: KafkaEventHandler {
    private let service: any ExampleService
    private let database: PostgresConnection

    init(_ service: any ExampleService, _ database: PostgresConnection) {
        self.service = service
        self.database = database
    }

    /// Makes what is missing.
    ///
    /// - Parameter afresh: drops first what there is.
    func prepare(afresh: Bool) async throws {
        try await database.transaction { database in
            // Members of the group that start together take turns.
            try database.execute("SELECT pg_advisory_xact_lock(hashtext($1))", [.text(service.name)])
            if afresh { try database.executeScript("DROP SCHEMA IF EXISTS \(service.name) CASCADE") }
            try database.executeScript(
                """
                CREATE SCHEMA IF NOT EXISTS \(service.name);
                SET search_path = \(service.name);
                CREATE TABLE IF NOT EXISTS progress (
                    topic text, partition integer, epoch bigint NOT NULL, position bigint NOT NULL,
                    next_offset bigint NOT NULL, PRIMARY KEY (topic, partition)
                );
                \(service.tables)
                """
            )
        }
    }

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
        while true {
            do {
                return try await applyOnce(events, of: partition, from: old, to: new)
            } catch let error as PostgresError where error.sqlState == .deadlockDetected {
                // Another member has written the same rows in another order; one of the two is told to begin again.
            }
        }
    }

    private func applyOnce(
        _ events: [KafkaEvent],
        of partition: KafkaPartition,
        from old: KafkaProgress?,
        to new: KafkaProgress
    ) async throws {
        try await database.transaction { database in
            for event in events {
                if let event = ServiceEvent(event) { try service.apply(event, on: database) }
            }
            // Compare-and-set: a member that lost the partition without noticing stores nothing.
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
            guard !stored.isEmpty else { throw PartitionTaken(partition: partition) }
        }
    }
}

/// Another member of the group stored the partition's progress meanwhile.
struct PartitionTaken: Error, CustomStringConvertible {
    let partition: KafkaPartition
    var description: String { "\(partition) was taken by another member of the group: start again" }
}
