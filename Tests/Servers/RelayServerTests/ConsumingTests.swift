import AppliedEvents
import Glibc
import Kafka
import Postgres
import Refold
import TestSupport
import Testing

@Suite("A consumer of events") struct ConsumingTests {
    private static let group = ["session.timeout.ms": "6000", "heartbeat.interval.ms": "300"]

    private func consumer(_ site: RelaySite, fails: Bool) async throws -> (KafkaEventConsumer, PostgresConnection) {
        let url = try #require(site.environment["REFOLD_DATABASE_URL"])
        let database = try await PostgresConnection.connect(to: url)
        var settings = site.kafka.settings
        settings.properties = Self.group
        let handler = AppliedEvents(database, failsSometimes: fails)
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
            } catch {
                // As a process that dies and is started again. A cancelled member's statement is refused.
                guard error is Failing || (error is PostgresError && Task.isCancelled) else { throw error }
            }
            await database.close()
        }
    }

    /// Expects every event among those that were applied, by its own key and in the order of the log.
    private func expectEachOnce(_ site: RelaySite) async throws {
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
            try await expectEachOnce(site)
        }
    }

    @Test("applies each event once and in order while members are killed and others join") func killed() async throws {
        try await RelaySite.with { site in
            try await site.connection.executeScript(AppliedEvents.tables)
            let url = try #require(site.environment["REFOLD_DATABASE_URL"])
            let command = [RefoldProcess.beside("TestConsumer"), url, site.mock.servers, RelaySite.topic]
            try await site.running("relay") { _ in
                var killed = 0
                for _ in 1...5 {
                    try await site.append(800)
                    try await ChildProcess.with(command) { first in
                        try await ChildProcess.with(command) { second in
                            let before = try await site.number("SELECT count(*) FROM applied")
                            // One that was killed is missed only when its session is over.
                            try await wait(for: "events to be applied") {
                                try await site.number("SELECT count(*) FROM applied") > before
                            }
                            try await Task.sleep(for: .milliseconds(Int.random(in: 0...100)))
                            for member in [first, second] {
                                await member.send(SIGKILL)
                                killed += try await member.outcome().code == -SIGKILL ? 1 : 0
                            }
                        }
                    }
                }
                #expect(killed == 10)
                try await ChildProcess.with(command) { _ in
                    try await wait(for: "all events to be applied") {
                        try await site.number("SELECT count(*) FROM applied") == 4_000
                    }
                }
            }
            try await expectEachOnce(site)
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
