import Glibc
import Kafka
import Postgres
import Refold
import TestSupport
import Testing

@Suite("After the database server was lost, a relay", .serialized, .timeLimit(.minutes(5))) struct RelayRecoveryTests {
    private func append(_ count: Int64, to server: PrivatePostgres, _ setting: String = "on") async throws {
        let connection = try await PostgresConnection.connect(to: server.url)
        try await connection.executeScript("SET synchronous_commit = \(setting)")
        try await connection.execute(RelaySite.appending, [.int64(count), .int64(20), .text("thing.happened")])
        await connection.close()
    }

    /// What the raw records say, without a connection to the store.
    private func forks(_ received: RelaySite.Received) -> [RelayedRecord] {
        received.kinds.filter { if case .fork = $0.kind { true } else { false } }
    }

    @Test("marks a fork that consumers pass, since only flushed events were sent") func crash() async throws {
        // Without its help nothing would be flushed for ten seconds.
        try await PrivatePostgres.with(settings: ["wal_writer_delay": "10000ms", "fsync": "off"]) { server in
            try await RelaySite.with(partitions: 2, url: server.url) { site in
                try await site.running("relay") { relay in
                    try await append(100, to: server, "off")
                    let before = try await site.receive(partitions: 2, through: 100)
                    #expect(before.applied.count == 100)
                    try await server.stop(.immediate)
                    try await wait(for: "the relay to notice") { relay.errors.contains("begins again") }
                    try await server.start()
                    try await append(50, to: server)
                    let connection = try await PostgresConnection.connect(to: server.url)
                    let newest = try await connection.query("SELECT max(global_position)::bigint FROM events").int64(
                        0,
                        0
                    )
                    // What was sent has survived, although its writer did not wait for that.
                    let kept = try await connection.query("SELECT count(*) FROM events WHERE global_position <= 100")
                    #expect(try kept.int64(0, 0) == 100)
                    await connection.close()
                    let after = try await site.receive(partitions: 2, through: newest)
                    #expect(after.applied.count == 150)
                    #expect(forks(after).count == 2 && forks(after).allSatisfy { $0.epoch >= 2 })
                    #expect(after.verdicts.allSatisfy { if case .fork = $0 { false } else { true } })
                }
            }
        }
    }

    @Test("reports a fork below what was applied when the promoted server lacks events") func failover() async throws {
        try await PrivatePostgres.with(settings: ["wal_level": "replica"]) { primary in
            try await primary.withStandby { standby in
                try await RelaySite.with(partitions: 2, url: primary.url) { site in
                    var both = site
                    both.environment["REFOLD_DATABASE_URL"] = primary.url(or: standby)
                    try await append(100, to: primary)
                    try await both.succeed("relay", "--until-caught-up")
                    let connection = try await PostgresConnection.connect(to: primary.url)
                    try await wait(for: "the standby to have all") {
                        try await connection.query(
                            "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()"
                        ).int64(0, 0) == 1
                    }
                    try await standby.stop()
                    // Sent, and gone with the primary.
                    try await append(30, to: primary)
                    try await both.succeed("relay", "--until-caught-up")
                    #expect(try await site.receive(partitions: 2, through: 130).applied.count == 130)
                    await connection.close()
                    try await primary.stop(.immediate)
                    try await standby.start()
                    try await standby.promote()
                    try await append(10, to: standby)
                    try await both.succeed("relay", "--until-caught-up")
                    // Every partition says so.
                    let messages = try site.kafka.subscribe([RelaySite.topic], group: "all")
                    var states: [KafkaPartition: PartitionProgress] = [:]
                    var forked: Set<KafkaPartition> = []
                    for try await message in messages {
                        let start = PartitionProgress(KafkaProgress(epoch: 0, position: .zero, offset: 0))
                        let record = try RelayedRecord(message)
                        if case .fork(100) = states[message.partition, default: start].take(record, at: message.offset)
                        {
                            forked.insert(message.partition)
                        }
                        if forked.count == 2 { break }
                    }
                    await messages.close()
                }
            }
        }
    }
}
