import Foundation
import Kafka
import Postgres
import Refold
import TestSupport
import Testing

/// A store of a test's own, a mock cluster, and the settings of the relays between them.
struct RelaySite: Sendable {
    static let topic = "things"

    let connection: PostgresConnection
    let kafka: KafkaCluster
    let mock: PrivateKafka
    var environment: [String: String]

    /// Lends a migrated store and a cluster whose topic has so many partitions.
    static func with(partitions: Int = 4, _ body: (RelaySite) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            try await with(partitions: partitions, url: database.url, body)
        }
    }

    static func with(partitions: Int = 4, url: String, _ body: (RelaySite) async throws -> Void) async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic(topic, partitions: partitions)
            let site = RelaySite(
                connection: try await PostgresConnection.connect(to: url),
                kafka: KafkaCluster(KafkaSettings(bootstrapServers: [mock.servers])),
                mock: mock,
                environment: [
                    "REFOLD_DATABASE_URL": url, "REFOLD_RELAY_BOOTSTRAP_SERVERS": mock.servers,
                    "REFOLD_RELAY_TOPICS": "thing.happened:\(topic):user_id", "REFOLD_RELAY_MARKER_INTERVAL": "50ms",
                    "REFOLD_ENGINE_LEASE_TIME": "1s",
                ]
            )
            try await site.succeed("migrate")
            try await body(site)
            await site.connection.close()
        }
    }

    // MARK: Processes

    func refold(_ arguments: String...) async throws -> ChildProcess.Outcome {
        try await RefoldProcess.run(arguments, environment: environment)
    }

    func succeed(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let outcome = try await RefoldProcess.run(arguments, environment: environment)
        try #require(outcome.code == 0, "\(arguments): \(outcome)", sourceLocation: sourceLocation)
    }

    func running(_ arguments: String..., body: (ChildProcess) async throws -> Void) async throws {
        try await RefoldProcess.with(arguments, environment: environment) { process in
            do {
                try await body(process)
            } catch {
                Issue.record("what \(arguments) wrote: \(process.output)\n\(process.errors)")
                throw error
            }
        }
    }

    // MARK: The log

    /// Appends events of a few users in one transaction.
    func append(_ count: Int, users: Int = 20, type: String = "thing.happened") async throws {
        try await connection.execute(Self.appending, [.int64(Int64(count)), .int64(Int64(users)), .text(type)])
    }

    static let appending = """
        INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
        SELECT gen_random_uuid(), 's-' || gen_random_uuid(), 1, $3,
               json_build_object('user_id', 'u' || (n % $2), 'number', n), '{"type_version": 2}',
               '2026-05-01 12:00:00+00'::timestamptz + n * interval '1 ms'
        FROM generate_series(1, $1::bigint) AS n ORDER BY n
        """

    /// Does something while the rows of a table are locked by a session of its own.
    func whileLocked<Result: Sendable>(
        _ table: String,
        _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        let url = try #require(environment["REFOLD_DATABASE_URL"])
        return try await PostgresConnection.with(try await PostgresConnection.connect(to: url)) { session in
            try await session.transaction { session in
                try session.execute("SELECT FROM \(table) FOR UPDATE")
                return try await body()
            }
        }
    }

    func number(_ sql: String) async throws -> Int64 { try await connection.query(sql).int64(0, 0) }

    var newest: Int64 {
        get async throws { try await number("SELECT coalesce(max(global_position), 0) FROM events") }
    }

    // MARK: What is in Kafka

    /// What a consumer makes of the records of a topic.
    struct Received {
        var applied: [(position: Int64, id: String, key: String, partition: Int32)] = []
        var records: [KafkaMessage] = []
        var kinds: [RelayedRecord] = []
        var verdicts: [PartitionProgress.Verdict] = []
        var progress: [KafkaPartition: PartitionProgress] = [:]
    }

    /// Reads a topic from its beginning until every partition is at a position.
    func receive(
        _ topic: String = topic,
        partitions: Int = 4,
        through position: Int64,
        within limit: Duration = .seconds(60)
    ) async throws -> Received {
        var received = Received()
        let messages = try kafka.subscribe([topic], group: "test-\(UInt32.random(in: 0 ... .max))")
        let reading = messages.makeAsyncIterator()
        let deadline = Task {
            try await Task.sleep(for: limit)
            await messages.close(within: .zero)
        }
        defer { deadline.cancel() }
        var iterator = reading
        while let message = try await iterator.next() {
            let record = try RelayedRecord(message)
            // Every consumer begins with the first record there ever was.
            let start = PartitionProgress(KafkaProgress(epoch: 0, position: .zero, offset: 0))
            let verdict = received.progress[message.partition, default: start].take(record, at: message.offset)
            received.records.append(message)
            received.kinds.append(record)
            received.verdicts.append(verdict)
            if verdict == .apply, case .event(let id, _) = record.kind {
                let key = String(decoding: message.key ?? [], as: UTF8.self)
                received.applied.append((record.position.rawValue, id, key, message.partition.number))
            }
            let reached = received.progress.values.count { ($0.progress?.position.rawValue ?? 0) >= position }
            if reached == partitions { break }
        }
        await messages.close()
        let behind = received.progress.mapValues { $0.progress?.position.rawValue ?? 0 }
        #expect(
            received.progress.count == partitions && behind.values.allSatisfy { $0 >= position },
            "\(behind), not \(position)"
        )
        return received
    }

    /// Expects that each event of the log was sent, that a consumer applies it once, and in order by key.
    func expectWholeLog(_ received: Received, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let rows = try await connection.query(
            """
            SELECT global_position::bigint, event_id::text, event_data->>'user_id' FROM events
            WHERE event_type = 'thing.happened' ORDER BY 1
            """
        ).rows
        let log = try rows.map { (position: try $0.int64(0), id: try $0.text(1), key: try $0.text(2)) }
        let wrong = received.verdicts.filter {
            switch $0 {
            case .gap, .fork: true
            default: false
            }
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))", sourceLocation: sourceLocation)
        let applied = received.applied.sorted { $0.position < $1.position }
        // Thousands: only the first difference is worth reading.
        #expect(applied.count == log.count, sourceLocation: sourceLocation)
        let difference = zip(applied, log).first { ($0.position, $0.id, $0.key) != $1 }
        #expect(difference == nil, "\(difference.map { "\($0)" } ?? "")", sourceLocation: sourceLocation)
        for (key, events) in Dictionary(grouping: received.applied, by: \.key) {
            let isInOrder = zip(events, events.dropFirst()).allSatisfy { $0.position < $1.position }
            #expect(isInOrder, "\(key)", sourceLocation: sourceLocation)
        }
    }
}
