internal import Engine
internal import EventStore
internal import Kafka
internal import Refold

/// Makes records of events, and knows what was sent to each partition before.
///
/// A value: a copy is the state of the relay after a block, to be stored when the block is acknowledged.
package struct RecordEncoder: Sendable {
    /// One type of events.
    private struct Route: Sendable {
        let type: [UInt8]
        let topic: Int
        let key: TopicRoute.Key
        /// What the value begins with.
        let opening: [UInt8]
    }

    private let routes: [Route]
    private let topics: [String]
    private let epoch: Int64
    /// By topic and partition, the position of the last record.
    private var last: [[GlobalPosition]]

    /// - Parameter checkpoint: with the partitions of each topic.
    init(_ settings: RelaySettings, _ checkpoint: RelayCheckpoint) {
        topics = settings.topics
        epoch = checkpoint.epoch
        last = topics.map { checkpoint.partitions[$0] ?? [] }
        routes = settings.routes.map { [topics] route in
            var opening = Array(#"{"event_type":"#.utf8)
            opening.appendJSON(text: route.type)
            opening += #","payload":"#.utf8
            let topic = topics.firstIndex(of: settings.name(of: route.topic)) ?? 0
            return Route(type: Array(route.type.utf8), topic: topic, key: route.key, opening: opening)
        }
    }

    /// By topic, for each partition the position of its last record.
    var partitions: [String: [GlobalPosition]] { Dictionary(uniqueKeysWithValues: zip(topics, last)) }

    /// An empty batch, whose topics are numbered as here.
    func makeBatch() -> KafkaBatch {
        var batch = KafkaBatch()
        for topic in topics { _ = batch.place(of: topic) }
        return batch
    }

    /// Adds the record of an event, unless events of its type are not sent.
    mutating func append(_ event: BorrowedEvent, to batch: inout KafkaBatch) {
        guard let route = routes.first(where: { $0.type.elementsEqual(event.type) }) else { return }
        let key = key(of: event, route)
        let partition = Int(KafkaPartitioner.partition(of: key, count: last[route.topic].count))
        batch.appendHeader(RelayHeader.eventID) { $0.append(contentsOf: event.id) }
        batch.appendHeader(RelayHeader.typeVersion, event.typeVersion)
        appendPlace(event.position, route.topic, partition, to: &batch)
        batch.append(to: route.topic, partition: Int32(partition), key: { $0 += key }) { bytes in
            bytes += route.opening
            bytes.append(json: event.payload)
            bytes += #","timestamp":"#.utf8
            if let timestamp = event.timestamp { bytes.appendJSON(timestamp) } else { bytes += "null".utf8 }
            bytes += #","metadata":"#.utf8
            bytes.append(json: event.metadata)
            bytes.append(UInt8(ascii: "}"))
        }
        last[route.topic][partition] = event.position
    }

    /// Adds a marker to each partition whose last record is before a position: everything up to it was sent.
    mutating func appendMarkers(at position: GlobalPosition, to batch: inout KafkaBatch) {
        for topic in last.indices {
            for partition in last[topic].indices where last[topic][partition] < position {
                batch.appendHeader(RelayHeader.marker) { $0 += RelayHeader.positionMarker.utf8 }
                appendPlace(position, topic, partition, to: &batch)
                batch.append(to: topic, partition: Int32(partition), key: nil) { _ in }
                last[topic][partition] = position
            }
        }
    }

    /// Adds a fork marker to each partition.
    ///
    /// - Parameters:
    ///   - fork: events above this position may be others now.
    ///   - position: where the relay resumes.
    func appendForks(at fork: GlobalPosition, resuming position: GlobalPosition, to batch: inout KafkaBatch) {
        for topic in last.indices {
            for partition in last[topic].indices {
                batch.appendHeader(RelayHeader.marker) { $0 += RelayHeader.forkMarker.utf8 }
                batch.appendHeader(RelayHeader.fork, fork.rawValue)
                appendPlace(position, topic, partition, to: &batch)
                batch.append(to: topic, partition: Int32(partition), key: nil) { _ in }
            }
        }
    }

    private func appendPlace(_ position: GlobalPosition, _ topic: Int, _ partition: Int, to batch: inout KafkaBatch) {
        batch.appendHeader(RelayHeader.position, position.rawValue)
        batch.appendHeader(RelayHeader.previous, last[topic][partition].rawValue)
        batch.appendHeader(RelayHeader.epoch, epoch)
    }

    // MARK: Keys

    private func key(of event: BorrowedEvent, _ route: Route) -> [UInt8] {
        if case .payload(let path) = route.key, let payload = event.payload, let key = Self.key(path, in: payload) {
            return key
        }
        return Array(event.stream)
    }

    /// The member of a payload to which a path leads, as the bytes of its text; nil where there is no such text, number or
    /// Boolean. The last of several members with the same name counts.
    package static func key(_ path: [String], in json: UnsafeRawBufferPointer) -> [UInt8]? {
        var range = 0..<json.count
        for name in path {
            var scanner = JSONScanner(structureOf: json, range)
            var found: Range<Int>?
            // What is no object has no members.
            while let member = try? scanner.nextMember() {
                if scanner.isName(member.name, name) { found = member.value }
            }
            guard let found else { return nil }
            range = found
        }
        switch json[range.lowerBound] {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "n"): return nil
        case UInt8(ascii: "\""):
            let content = json[(range.lowerBound + 1)..<(range.upperBound - 1)]
            guard content.contains(UInt8(ascii: "\\")) else { return Array(content) }
            let text = try? JSON(parsing: String(decoding: json[range], as: UTF8.self)).asText
            return text.map { Array($0.utf8) }
        default: return Array(json[range])
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(json: UnsafeRawBufferPointer?) {
        if let json { append(contentsOf: json) } else { self += "null".utf8 }
    }
}
