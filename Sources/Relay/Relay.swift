public import Engine
internal import EventStore
internal import Kafka
internal import Logging
internal import Postgres
internal import Refold

/// Sends the log to Kafka: the events of the configured types, in the order of their positions, never above the
/// high-water mark.
///
/// One process at a time sends, by lease; others stand by. What Kafka has acknowledged is kept as a checkpoint in
/// PostgreSQL; a relay that begins again repeats what came after it, recognisably.
public struct Relay: Sendable {
    let engine: Engine
    let settings: RelaySettings
    /// Makes the clients.
    let kafka: KafkaCluster

    /// - Parameters:
    ///   - engine: whose store is sent.
    ///   - settings: what is sent, and where.
    public init(_ engine: Engine, _ settings: RelaySettings) {
        self.engine = engine
        self.settings = settings
        kafka = KafkaCluster(settings.kafka, logger: engine.logger)
    }

    /// Sends for ever, or until caught up.
    ///
    /// Cancelling the task stops it cleanly: what is on its way is waited for for a moment, the checkpoint is stored and
    /// the lease ended. Once it runs, only a changed number of partitions, refused records, wrong settings and another
    /// log end it.
    ///
    /// - Throws: what keeps it from starting, such as unreachable brokers (`KafkaError`) or missing topics; with
    ///   `untilCaughtUp` also another owner (`EngineError.Code.owned`).
    public func run(_ request: RelayRequest = RelayRequest()) async throws {
        try requireSettings()
        let daemon = RelayDaemon(self, request)
        try await engine.runStoppably(stop: { daemon.stop() }) {
            try await engine.withLease { try await daemon.run($0) }
        }
    }

    /// What a relay cannot do without.
    private func requireSettings() throws {
        guard !settings.kafka.bootstrapServers.isEmpty else { throw RelayError.noServers() }
        guard !settings.routes.isEmpty else { throw RelayError.noTopics() }
        let long = settings.topics.filter { $0.utf8.count > TopicRoute.longestTopic }
        guard long.isEmpty else { throw RelayError.longTopics(long) }
    }

    /// Looks at the cluster and its topics.
    public func check() async -> Check {
        do {
            try requireSettings()
            let counts = try await kafka.admin().partitionCounts(of: settings.topics, within: .seconds(5))
            let missing = settings.topics.filter { counts[$0] == nil }
            guard missing.isEmpty else { throw RelayError.missing(missing, settings, RelayRequest()) }
            let topics = settings.topics.map { "\($0) (\(counts[$0] ?? 0))" }.joined(separator: ", ")
            return .passed("Kafka", "topics and their partitions: \(topics)")
        } catch {
            return .failed("Kafka", error, remedy: "start the brokers, or correct relay.bootstrap-servers")
        }
    }
}
