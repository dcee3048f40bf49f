public import Refold

/// The headers of the records that `refold relay` sends; numbers are decimal digits.
package enum RelayHeader {
    /// The event's id; markers have none.
    package static let eventID = "refold-event-id"
    /// The version of the event's type.
    package static let typeVersion = "refold-type-version"
    /// The event's position in the whole store; of a marker the position up to which everything was sent.
    package static let position = "refold-position"
    /// The position of the record that was sent to the same partition before this one; 0 for the first.
    package static let previous = "refold-prev"
    /// Raised whenever a relay begins: records of a lower one are late.
    package static let epoch = "refold-epoch"
    /// That the record is no event: ``positionMarker`` or ``forkMarker``.
    package static let marker = "refold-marker"
    /// The marker of a position up to which everything was sent.
    package static let positionMarker = "position"
    /// The marker of a fork of the log.
    package static let forkMarker = "fork"
    /// Of a fork marker: events above this position may be others than those that were sent before.
    package static let fork = "refold-fork"
}

/// What the headers of a relay's record say.
public struct RelayedRecord: Sendable, Hashable {
    /// What the record is.
    public enum Kind: Sendable, Hashable {
        /// An event with its id and the version of its type.
        case event(id: String, typeVersion: Int)
        /// The position alone: everything of the partition up to it was sent.
        case marker
        /// The server has recovered or another has taken its place: events above the position may be others now.
        case fork(GlobalPosition)
    }

    /// What the record is.
    public let kind: Kind
    /// The event's position in the whole store, or the marker's.
    public let position: GlobalPosition
    /// The position of the record before it in the same partition; zero for the first.
    public let previous: GlobalPosition
    /// Raised whenever a relay begins.
    public let epoch: Int64

    /// What headers say, for tests.
    public init(_ kind: Kind, position: GlobalPosition, previous: GlobalPosition, epoch: Int64) {
        self.kind = kind
        self.position = position
        self.previous = previous
        self.epoch = epoch
    }

    /// Reads the headers of a record.
    ///
    /// - Throws: `notRelayed` when one is missing or is no number.
    public init(_ message: KafkaMessage) throws(KafkaError) {
        func text(_ name: String) -> String? { message.header(name).map { String(decoding: $0, as: UTF8.self) } }
        func number(_ name: String) throws(KafkaError) -> Int64 {
            guard let number = text(name).flatMap({ Int64($0) }) else { throw .notRelayed(message, name) }
            return number
        }
        position = GlobalPosition(try number(RelayHeader.position))
        previous = GlobalPosition(try number(RelayHeader.previous))
        epoch = try number(RelayHeader.epoch)
        switch text(RelayHeader.marker) {
        case RelayHeader.positionMarker: kind = .marker
        case RelayHeader.forkMarker: kind = .fork(GlobalPosition(try number(RelayHeader.fork)))
        case .some: throw .notRelayed(message, RelayHeader.marker)
        case nil:
            guard let id = text(RelayHeader.eventID) else { throw .notRelayed(message, RelayHeader.eventID) }
            kind = .event(id: id, typeVersion: Int(try number(RelayHeader.typeVersion)))
        }
    }
}

extension KafkaError {
    fileprivate static func notRelayed(_ message: KafkaMessage, _ header: String) -> KafkaError {
        KafkaError(
            .notRelayed,
            operation: "read \(message.partition) at offset \(message.offset)",
            message: "its header \(header) is missing or unreadable: it is not a record of refold relay"
        )
    }
}
