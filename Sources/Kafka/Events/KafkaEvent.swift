public import Refold

/// An event as a relay sent it.
public struct KafkaEvent: Sendable, Hashable {
    /// The event's id, a UUID in lower case.
    public let id: String
    /// The version of its type; payloads of older versions are sent as they were stored.
    public let typeVersion: Int
    /// Its position in the whole store.
    public let position: GlobalPosition
    /// Its key: events of the same key come in the order of the log.
    public let key: [UInt8]
    /// JSON with `event_type`, `payload`, `timestamp` (ISO 8601, UTC) and `metadata`.
    public let value: [UInt8]

    /// An event, for tests of what consumes it.
    public init(id: String, typeVersion: Int = 1, position: GlobalPosition, key: [UInt8], value: [UInt8]) {
        self.id = id
        self.typeVersion = typeVersion
        self.position = position
        self.key = key
        self.value = value
    }

    /// The members of the value.
    ///
    /// - Throws: `JSONSyntaxError`.
    public func members() throws -> JSON.Object {
        try JSON(parsing: String(decoding: value, as: UTF8.self)).asObject ?? [:]
    }
}
