/// What the events of a window have emitted. Like changes of rows, emissions can be undone for an event and for a whole
/// pass.
///
/// Each emission is judged, so that an event is refused for it whichever generation is folded; it is kept only for
/// events after the position up to which the projection has emitted.
final class EmissionLog {
    private let scope: EmissionScope

    private var entries: [Emission] = []
    /// About what they take in memory.
    private(set) var bytes = 0
    /// Where the pass in hand began.
    private var passStart = 0
    private var passStartBytes = 0
    /// Where the event in hand began.
    private var eventStart = 0

    private var position = GlobalPosition.zero
    private var timestamp: Timestamp?
    /// Emissions of the event in hand, kept or not, and what their payloads take.
    private var eventCount = 0
    private var eventBytes = 0

    init(_ scope: EmissionScope) { self.scope = scope }

    // MARK: Emitting

    /// Adds an emission of the event in hand.
    ///
    /// - Throws: ``EventRefusal`` for what the log could not take, or the projection has not declared.
    func emit(_ type: EventType, version: Int, to stream: Text, _ payload: JSON.Object) throws(EventRefusal) {
        guard scope.types.contains(type) else {
            throw EventRefusal("\(type) was emitted, and emittedTypes does not have it")
        }
        guard eventCount < Rows.mostEmissions else {
            throw EventRefusal(.outOfRange, "it emits more than \(Rows.mostEmissions) events")
        }
        guard stream.count <= Rows.longestStreamName else {
            throw EventRefusal(
                .outOfRange,
                "the name of an emitted event's stream has \(stream.count) bytes, more than \(Rows.longestStreamName)"
            )
        }
        guard !stream.withBytes({ $0.contains(0) }) else {
            throw EventRefusal(.invalidText, "the name of an emitted event's stream has a NUL")
        }
        let payload = JSON.object(payload)
        try payload.requireStorable()
        let text = payload.text
        guard eventBytes + text.utf8.count <= Rows.largestEmissions else {
            throw EventRefusal(.outOfRange, "the payloads it emits have more than \(Rows.largestEmissions) bytes")
        }
        defer {
            eventCount += 1
            eventBytes += text.utf8.count
        }
        guard let after = scope.after, position > after else { return }
        let emission = Emission(
            position: position,
            ordinal: eventCount,
            type: type,
            version: version,
            stream: String(stream),
            payload: text,
            timestamp: timestamp
        )
        entries.append(emission)
        bytes += emission.bytes
    }

    // MARK: Passes

    func beginPass() { (passStart, passStartBytes) = (entries.count, bytes) }

    /// About what the pass in hand has added.
    var passBytes: Int { bytes - passStartBytes }

    func begin(_ event: Event) {
        eventStart = entries.count
        (eventCount, eventBytes) = (0, 0)
        position = event.position
        timestamp = event.finiteTimestamp
    }

    func undoEvent() { undo(downTo: eventStart) }

    func undoPass() { undo(downTo: passStart) }

    private func undo(downTo start: Int) {
        while entries.count > start { bytes -= entries.removeLast().bytes }
    }

    /// Takes out what was kept, in the order of events and their emissions.
    func take() -> [Emission] {
        defer {
            (entries, bytes) = ([], 0)
            (passStart, passStartBytes, eventStart) = (0, 0, 0)
        }
        return entries
    }
}

extension JSON {
    /// Refuses what PostgreSQL could not store both as `json` and as `jsonb`.
    fileprivate func requireStorable(depth: Int = 0) throws(EventRefusal) {
        guard depth <= Rows.deepestEmission else {
            throw EventRefusal(.outOfRange, "an emitted payload has more than \(Rows.deepestEmission) levels")
        }
        switch self {
        case .text(let text): try Self.requireStorable(text)
        case .array(let values): for value in values { try value.requireStorable(depth: depth + 1) }
        case .object(let object):
            for member in object.members {
                try Self.requireStorable(member.name)
                try member.value.requireStorable(depth: depth + 1)
            }
        // Nobody has checked what is in it.
        case .raw: throw EventRefusal(.wrongType, "an emitted payload holds raw JSON")
        case .null, .boolean, .integer, .number, .decimal: break
        }
    }

    private static func requireStorable(_ text: String) throws(EventRefusal) {
        if text.utf8.contains(0) { throw EventRefusal(.invalidText, "a text in an emitted payload has a NUL") }
    }
}
