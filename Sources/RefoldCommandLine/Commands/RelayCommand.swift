internal import ArgumentParser
internal import Engine
internal import Kafka
internal import Logging
internal import Relay

/// `refold relay`
struct RelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay",
        abstract: "Send the log to Kafka, for ever: a daemon.",
        discussion: """
            The events of the types under relay.topics, in the order of the log and only once nothing can appear before \
            them. One process sends, others stand by. Stops within 5 seconds on SIGTERM and SIGINT; a relay that is \
            killed repeats what was not yet stored as acknowledged, recognisably for consumers.
            """
    )

    @OptionGroup var shared: SharedOptions
    @Flag(help: "End at what is now the head of the log.") var untilCaughtUp = false
    @Option(help: "Go back, and send the events from this position on once more.") var from: Int64?
    @Option(
        help: ArgumentHelp(
            "Send the whole log to another version of the topics, such as video-events-v2 for v2, and end.",
            valueName: "version"
        )
    ) var backfill: String?
    @Option(help: ArgumentHelp("Create topics that are missing, with so many partitions.", valueName: "partitions"))
    var createTopics: Int?
    @Flag(help: "Print nothing when all goes well.") var quiet = false

    func validate() throws {
        if let from, from < 1 { throw ValidationError("--from takes a position from 1 on, not \(from)") }
        if let createTopics, !(1...10_000).contains(createTopics) {
            throw ValidationError("--create-topics takes a number of partitions from 1 to 10000, not \(createTopics)")
        }
        if let backfill, !TopicRoute.isTopic(backfill) {
            throw ValidationError("--backfill takes a word that can be part of a topic's name, not \(backfill)")
        }
    }

    func run() async throws {
        let ends = untilCaughtUp || backfill != nil
        let level: Logger.Level = ends ? (quiet ? .critical : .warning) : (quiet ? .warning : .info)
        var settings = try shared.load()
        if let backfill { settings.relay.version = backfill }
        let engine = try settings.makeEngine(logging: level)
        var request = RelayRequest()
        request.untilCaughtUp = ends
        request.from = from
        request.isBackfill = backfill != nil
        request.newTopicPartitions = createTopics
        let (relay, wanted) = (Relay(engine, settings.relay), request)
        let wasStopped = try await SignalRunner.run(
            engine.logger,
            unfinished: "what is not stored as acknowledged is sent again by the next start",
            onLimit: engine.abandonConnections
        ) {
            try await relay.run(wanted)
        }
        guard wasStopped else { return }
        engine.logger.info("stopped")
        // What a one-off command was for is not done.
        if ends { throw CancellationError() }
    }
}
