internal import Engine
internal import EventStore
internal import Kafka
internal import Refold

/// What keeps a relay from working until somebody changes something.
enum RelayError {
    static func missing(_ topics: [String], _ settings: RelaySettings, _ request: RelayRequest) -> EngineError {
        let command = request.isBackfill ? "relay --backfill \(settings.version)" : "relay"
        let names = topics.joined(separator: ", ")
        let servers = settings.kafka.bootstrapServers.joined(separator: ",")
        return EngineError(
            .setting,
            "Kafka at \(servers) has no topic \(names)",
            remedy:
                "create it: \(Program.name) \(command) --create-topics PARTITIONS, or for each kafka-topics.sh --bootstrap-server "
                + "\(servers) --create --topic \(topics[0]) --partitions PARTITIONS"
        )
    }

    static func partitionsChanged(_ topic: String, from before: Int, to now: Int) -> EngineError {
        EngineError(
            .blocked,
            "topic \(topic) has \(now) partitions and had \(before): keys belong to other partitions now",
            remedy: "send the log to new topics: \(Program.name) relay --backfill VERSION, then set relay.version"
        )
    }

    static func longTopics(_ topics: [String]) -> EngineError {
        EngineError(
            .setting,
            "topics may have names of \(TopicRoute.longestTopic) bytes, and \(topics[0].abbreviated()) is longer",
            remedy: "choose a shorter version of the topics, or shorter names under relay.topics"
        )
    }

    static func noServers() -> EngineError {
        EngineError(.setting, "no brokers are named", remedy: "set relay.bootstrap-servers")
    }

    static func noTopics() -> EngineError {
        EngineError(.setting, "no types of events are to be sent", remedy: "set relay.topics")
    }

    static func noEventIDs(_ table: String) -> EngineError {
        EngineError(
            .setting,
            "\(table) has no event ids, and consumers need them",
            remedy: "add a column event_id, unique, to the events table"
        )
    }

    static func beyondCheckpoint(_ from: Int64, _ checkpoint: RelayCheckpoint) -> EngineError {
        EngineError(
            .unknownKey,
            "events up to \(checkpoint.position) are sent, and a relay that continued at \(from) would leave some out",
            remedy: "give a position of at most \(checkpoint.position.rawValue + 1)"
        )
    }

    static func beyondLog(_ from: Int64, _ newest: GlobalPosition) -> EngineError {
        EngineError(
            .unknownKey,
            "the newest position of the log is \(newest), and consumers would take what comes up to \(from) for sent",
            remedy: "give a position of at most \(newest.rawValue + 1)"
        )
    }

    /// What comes at the positions that are drawn again would be taken for repetitions.
    static func logShrank(to newest: GlobalPosition, from sent: GlobalPosition) -> EventStoreError {
        EventStoreError(
            .logShrank,
            "the log shrank: its newest position is \(newest), but events up to \(sent) were sent",
            remedy:
                "find out whether a backup was restored or the sequence was set back; then send the log to new topics: "
                + "\(Program.name) relay --backfill VERSION",
            position: newest
        )
    }

    static func owned(by ownership: Ownership?) -> EngineError {
        let owner = ownership.map { "\($0.owner)" } ?? "a process that is just taking it"
        return EngineError(.owned, "the relay is owned by \(owner)", remedy: "stop that process or try again later")
    }

    static func otherLog(_ version: String) -> EventStoreError {
        EventStoreError(
            .otherLog,
            "what the relay has sent\(version.isEmpty ? "" : " as version \(version)") is of another log",
            remedy: "correct the database URL, or send this log to new topics: \(Program.name) relay --backfill VERSION"
        )
    }
}
