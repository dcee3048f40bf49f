import Kafka
import Postgres
import Refold

/// What one service does with events. ``ServiceStore`` does the rest.
protocol ExampleService: Sendable {
    /// The service's consumer group, and the schema of its tables.
    var name: String { get }
    /// What it consumes.
    var topics: [String] { get }
    /// Makes the tables that are missing, in the schema.
    var tables: String { get }

    /// Takes in an event, in the transaction that also stores the progress.
    func apply(_ event: ServiceEvent, on database: isolated PostgresConnection) throws
}

/// An event as a service reads it.
struct ServiceEvent {
    let type: String
    /// ISO 8601, UTC, of a year with four digits: others are not PostgreSQL's own form.
    let timestamp: String
    let payload: JSON.Object

    /// Reads what the relay sent.
    ///
    /// - Returns: nil for what does not look like an event: a service has no way to send it back.
    init?(_ event: KafkaEvent) {
        guard let members = try? event.members(), let type = members["event_type"]?.asText,
            let timestamp = members["timestamp"]?.asText,
            timestamp.wholeMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/#) != nil,
            let payload = members["payload"]?.asObject
        else { return nil }
        self.type = type
        self.timestamp = timestamp
        self.payload = payload
    }

    /// A text of the payload; nil where there is none that PostgreSQL can store.
    func text(_ name: String) -> String? { payload[name].flatMap(Self.storable) }

    /// The texts of a list in the payload, those that PostgreSQL can store.
    func texts(_ name: String) -> [String]? { payload[name]?.asArray?.compactMap(Self.storable) }

    /// An index of PostgreSQL takes no more than 2,700 bytes, and no text a NUL.
    private static func storable(_ value: JSON) -> String? {
        guard let text = value.asText, text.utf8.count <= 2_000, !text.utf8.contains(0) else { return nil }
        return text
    }
}
