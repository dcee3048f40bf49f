internal import Engine
internal import EventStore
internal import Kafka
internal import Refold

/// What keeps a relay from working until somebody changes something.
enum RelayError {
    static func missing(_ topics: [String], _ settings: RelaySettings) -> EngineError {
        let names = topics.joined(separator: ", ")
        let servers = settings.kafka.bootstrapServers.joined(separator: ",")
        return EngineError(
            .setting,
            "Kafka at \(servers) has no topic \(names)",
            remedy:
                "create it: \(Program.name) relay --create-topics PARTITIONS, or for each kafka-topics.sh --bootstrap-server "
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

    static func owned(by ownership: Ownership?) -> EngineError {
        let owner = ownership.map { "\($0.owner)" } ?? "a process that is just taking it"
        return EngineError(.owned, "the relay is owned by \(owner)", remedy: "stop that process or try again later")
    }

    static func otherLog(_ version: String) -> EventStoreError {
        .otherLog("what the relay has sent\(version.isEmpty ? "" : " as version \(version)") is of another log")
    }
}
