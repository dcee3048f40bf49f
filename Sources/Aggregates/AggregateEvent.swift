public import Refold

/// What happens to aggregates of one kind; usually an enum with a case for each type of event.
///
/// The way to the store and back goes through the same payloads that projections read: `payload` writes what `init`,
/// and the projections, read.
public protocol AggregateEvent: Sendable {
    /// The types of its events. Events of other types in the stream are passed over.
    static var types: [EventType] { get }

    /// Reads an event of one of `types`, its payload being of the type's current version.
    ///
    /// - Throws: `EventRefusal` for a payload that it cannot be read from.
    init(_ event: Event) throws(EventRefusal)

    /// Its type, one of `types`.
    var type: EventType { get }

    /// Its payload, of the type's current version.
    var payload: JSON { get }
}
