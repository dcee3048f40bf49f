import Foundation
import Kafka
import Postgres
import Refold
import TestSupport
import Testing

private let servers = ProcessInfo.processInfo.environment["REFOLD_TEST_KAFKA"]

/// Against the broker that `REFOLD_TEST_KAFKA` names, which can create topics and knows its producers.
@Suite(
    "With a real broker",
    .enabled(if: servers != nil, "REFOLD_TEST_KAFKA names no broker"),
    .timeLimit(.minutes(5))
)
struct RealBrokerTests {
    @Test("a relay creates its topics and sends the whole log") func whole() async throws {
        let servers = try #require(servers)
        try await TestDatabase.with { database in
            let topic = "refold-test-\(UInt32.random(in: 0 ... .max))"
            let connection = try await database.connect()
            let environment = [
                "REFOLD_DATABASE_URL": database.url, "REFOLD_RELAY_BOOTSTRAP_SERVERS": servers,
                "REFOLD_RELAY_TOPICS": "thing.happened:\(topic):user_id",
            ]
            let migration = try await RefoldProcess.run(["migrate"], environment: environment)
            try #require(migration.code == 0, "\(migration)")
            let many: [PostgresValue] = [.int64(2_000), .int64(20), .text("thing.happened")]
            try await connection.execute(RelaySite.appending, many)
            let relay = ["relay", "--until-caught-up", "--create-topics", "3"]
            let outcome = try await RefoldProcess.run(relay, environment: environment)
            try #require(outcome.code == 0, "\(outcome)")
            let kafka = KafkaCluster(KafkaSettings(bootstrapServers: [servers]))
            let messages = try kafka.subscribe([topic], group: topic)
            var applied: Set<Int64> = []
            var states: [KafkaPartition: PartitionProgress] = [:]
            for try await message in messages {
                let start = PartitionProgress(KafkaProgress(epoch: 0, position: 0, offset: 0))
                let record = try RelayedRecord(message)
                let verdict = states[message.partition, default: start].take(record, at: message.offset)
                if verdict == .apply { applied.insert(record.position.rawValue) }
                if applied.count == 2_000 { break }
            }
            await messages.close()
            #expect(applied == Set(1...2_000))
            await connection.close()
        }
    }
}
