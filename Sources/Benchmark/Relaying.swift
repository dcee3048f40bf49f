internal import Foundation
internal import Kafka

/// The relay to librdkafka's mock cluster, and the same producer with the same records from memory.
struct Relaying {
    private static let topic = "bench"
    private static let partitions = 4
    /// How many records are kept in memory, to be sent again and again.
    private static let kept = 20_000
    /// The types of the generated log, with their keys.
    private static let routes = [
        "content.watched:bench:user_id", "content.rated:bench:user_id", "content.added:bench:content_id",
        "user.registered:bench:user_id", "user.subscribed:bench:user_id", "user.preferences_updated:bench:user_id",
    ]

    private let workplace: Workplace
    private let server: Database
    private let cluster: Program
    private let servers: String
    private let environment: [String: String]

    /// Starts a cluster for a log; ``end()`` ends it.
    init(_ workplace: Workplace, _ server: Database, from log: Database) async throws {
        self.workplace = workplace
        self.server = server
        let commands = try workplace.file("mock-commands", Array("topic \(Self.topic) \(Self.partitions)\n".utf8))
        let cluster = try workplace.start([workplace.mockCluster, "1", commands])
        self.cluster = cluster
        while !cluster.output.contains("ok") {
            guard cluster.isRunning else { throw Failure(description: "the mock cluster ended: \(cluster.lastLines)") }
            try await Task.sleep(for: .milliseconds(10))
        }
        servers = String(cluster.output.prefix { !$0.isNewline })
        environment = log.environment.merging([
            "REFOLD_RELAY_BOOTSTRAP_SERVERS": servers, "REFOLD_RELAY_TOPICS": Self.routes.joined(separator: ","),
        ]) { $1 }
    }

    func end() async {
        kill(cluster.id, SIGKILL)
        _ = await cluster.end()
    }

    /// Sends the whole log.
    func relay() async throws -> Usage {
        try await server.checkpoint()
        let command = [workplace.refold, "relay", "--until-caught-up", "--from", "1", "--quiet"]
        return try await workplace.measure(command, environment: environment)
    }

    /// Starts a relay that sends what comes, until ``stop(_:)``.
    func startRelay() async throws -> Program {
        let relay = try workplace.start([workplace.refold, "relay"], environment: environment)
        while !relay.lastLines.contains("relaying") {
            guard relay.isRunning else { throw Failure(description: "the relay ended: \(relay.lastLines)") }
            try await Task.sleep(for: .milliseconds(10))
        }
        return relay
    }

    func stop(_ relay: Program) async throws {
        kill(relay.id, SIGTERM)
        guard await relay.end() == 0 else { throw Failure(description: "the relay failed: \(relay.lastLines)") }
    }

    /// Sends so many records from memory: those that the relay has sent, with their keys and headers.
    ///
    /// - Returns: records a second, to the last acknowledgement.
    func sendFromMemory(_ count: Int) async throws -> Double {
        let kafka = KafkaCluster(KafkaSettings(bootstrapServers: [servers]))
        // Most events of a log have a topic.
        let batches = try await batches(of: kafka, min(Self.kept, count / 2))
        let producer = try kafka.producer()
        let started = ContinuousClock.now
        var (sent, deliveries) = (0, [KafkaDelivery]())
        while sent < count {
            for batch in batches where sent < count {
                deliveries.append(try await producer.schedule(batch))
                sent += batch.count
            }
        }
        for delivery in deliveries { try await delivery.value() }
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        await producer.close()
        return Double(sent) / seconds
    }

    private func batches(of kafka: KafkaCluster, _ kept: Int) async throws -> [KafkaBatch] {
        let messages = try kafka.subscribe([Self.topic], group: "bench-\(UUID())")
        var batches = [KafkaBatch()]
        var count = 0
        for try await message in messages {
            guard let key = message.key else { continue }
            batches[batches.count - 1].append(
                KafkaRecord(
                    topic: Self.topic,
                    partition: message.partition.number,
                    key: key,
                    value: message.value ?? [],
                    headers: message.headers
                )
            )
            count += 1
            if count == kept { break }
            if count % 4_000 == 0 { batches.append(KafkaBatch()) }
        }
        await messages.close()
        return batches
    }
}
