import ArgumentParser
import Kafka
import Postgres
import UnixSignals

/// Two services as other teams have them, each in a consumer group of its own: they know the topics that `refold relay`
/// fills, and nothing of Refold's tables.
@main
struct ExampleServices: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "example-services",
        abstract: "Consume what refold relay sends, until SIGTERM or SIGINT.",
        discussion: "A service keeps its tables in a schema of its own name, and makes them when they are missing."
    )

    /// Which service this process is.
    enum Name: String, CaseIterable, ExpressibleByArgument {
        case analytics, personalisation

        var service: any ExampleService {
            switch self {
            case .analytics: Analytics()
            case .personalisation: Personalisation()
            }
        }
    }

    @Argument(help: "The service.") var name: Name
    @Option(help: "The PostgreSQL database of the service, as a URL.") var database: String
    @Option(help: "The brokers, each as host:port.") var bootstrapServers: [String]
    @Option(help: "A property of librdkafka, as NAME=VALUE.") var property: [String] = []
    @Flag(help: "Forget what was consumed before.") var afresh = false

    func run() async throws {
        let service = name.service
        let properties = property.map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        guard properties.allSatisfy({ $0.count == 2 }) else { throw ValidationError("--property takes NAME=VALUE") }
        let settings = KafkaSettings(
            bootstrapServers: bootstrapServers,
            properties: Dictionary(properties.map { ($0[0], $0[1]) }) { $1 }
        )
        let connection = try await PostgresConnection.connect(to: database)
        let store = ServiceStore(service, connection)
        try await store.prepare(afresh: afresh)
        let consumer = KafkaEventConsumer(
            KafkaCluster(settings),
            topics: service.topics,
            group: service.name,
            handler: store
        )
        try await untilSignal { try await consumer.run() }
        await connection.close()
    }

    /// Runs work that a signal cancels. What it was about to store is consumed again by the next start.
    private func untilSignal(_ work: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let consuming = Task(operation: work)
        let waiting = Task {
            for await _ in signals {
                consuming.cancel()
                return
            }
        }
        let result = await consuming.result
        waiting.cancel()
        // A statement that the signal refused is no failure.
        if !consuming.isCancelled { try result.get() }
    }
}
