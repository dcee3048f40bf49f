extension Rows {
    /// How many events one event may emit.
    public static let mostEmissions = 16
    /// Bytes that the payloads emitted by one event may have together, as JSON: 1 MiB.
    public static let largestEmissions = 1 << 20
    /// Levels that an emitted payload may have.
    public static let deepestEmission = 64
    /// Bytes that the name of an emitted event's stream may have: every key of a row can be one.
    public static let longestStreamName = longestKey

    /// Emits an event that follows from the event in hand.
    ///
    /// It belongs to that event: it is undone when the event is refused. The live generation emits, once for each event
    /// of the log: rebuilds, resets and rollbacks emit nothing again. The engine appends it to the log after the window
    /// has committed, to the stream `<projection>:<stream>`, with the timestamp of the event in hand and that event's
    /// id as `causation_id`. Its id is made of the projection's name, that event's id and the number of emissions
    /// before it, so the same event emits the same ids.
    ///
    /// - Parameters:
    ///   - type: one of ``Projection/emittedTypes``.
    ///   - version: the version of the type, 1 or more, for its readers' upcasters.
    ///   - stream: a name among the projection's own streams, at most ``longestStreamName`` bytes, without NUL.
    ///   - payload: made in code; texts without NUL, no ``JSON/raw(_:)``, at most ``deepestEmission`` levels.
    /// - Throws: ``EventRefusal`` for a type that is not declared, more than ``mostEmissions`` events, payloads of more
    ///   than ``largestEmissions`` bytes, and what PostgreSQL could not store.
    public func emit(_ type: EventType, version: Int = 1, to stream: Text, _ payload: JSON.Object) throws {
        precondition(version >= 1, "version \(version) of \(type) is not 1 or more")
        guard let emissions else { throw EventRefusal("\(type) was emitted, and emittedTypes does not have it") }
        try emissions.emit(type, version: version, to: stream, payload)
    }

    /// Takes out what the accepted passes have emitted, in order.
    package func takeEmissions() -> [Emission] { emissions?.take() ?? [] }

    /// About what the emissions take in memory.
    package var emittedBytes: Int { emissions?.bytes ?? 0 }
}
