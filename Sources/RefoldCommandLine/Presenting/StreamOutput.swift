internal import AggregateStore
internal import EventStore
internal import Refold
internal import Synchronization

/// Prints a stream event by event, so that its length does not matter.
final class StreamOutput: Sendable {
    private let stream: String
    private let asJSON: Bool
    /// The last event, which is printed when it is known whether another one follows.
    private let pending = Mutex<String?>(nil)

    init(stream: String, asJSON: Bool) {
        self.stream = stream
        self.asJSON = asJSON
    }

    func begin() {
        guard asJSON else { return Console.out("stream \(stream)") }
        Console.out(json: .raw("{\"stream\":\(JSON.text(stream).text),\"events\":["))
    }

    func print(_ event: RecordedEvent) {
        guard asJSON else {
            return Console.out("\(event.version)  \(event.timestamp)  \(event.type)  \(Self.oneLine(event.payload))")
        }
        let line = Self.json(event).text
        let before = pending.withLock { pending in
            defer { pending = line }
            return pending
        }
        if let before { Console.out(json: .raw(before + ",")) }
    }

    /// Ends with the state, if there is any.
    func end(at version: StreamPosition, _ kind: String? = nil, _ state: AggregateState? = nil) {
        guard asJSON else {
            if let kind, let state { Console.out("\(kind) at version \(state.version): \(state.json)") }
            return
        }
        if let last = pending.withLock({ $0 }) { Console.out(json: .raw(last)) }
        let end: JSON.Object = [
            "version": .integer(max(0, version.rawValue)), "aggregate": .optional(kind),
            "state": state.map { .raw($0.json) } ?? .null,
        ]
        Console.out(json: .raw("]," + end.text.dropFirst()))
    }

    private static func json(_ event: RecordedEvent) -> JSON {
        [
            "version": .integer(event.version.rawValue), "position": .integer(event.position.rawValue),
            "id": .text("\(event.id)"), "type": .text(event.type), "timestamp": .text("\(event.timestamp)"),
            "data": .raw(oneLine(event.payload)), "metadata": event.metadata.map { .raw(oneLine($0)) } ?? .null,
        ]
    }

    /// JSON that its writer spread over several lines; between tokens a line break or a tab is a space like any other.
    /// Within its strings there is none, but for Unicode's own line breaks, which are left as they are.
    private static func oneLine(_ json: String) -> String {
        func isBreak(_ byte: UInt8) -> Bool {
            [UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t")].contains(byte)
        }
        guard json.utf8.contains(where: isBreak) else { return json }
        return String(decoding: json.utf8.map { isBreak($0) ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
    }
}
