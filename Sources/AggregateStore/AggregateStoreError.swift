public import Refold

/// What keeps an aggregate from being loaded or saved, besides the store itself and the rules of its domain.
public struct AggregateStoreError: Error, CustomStringConvertible {
    /// The kind of an error. New kinds may be added: compare with `==`, and keep a default.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The kind's name, as logs and JSON output show it.
        public let description: String

        /// An event of the stream cannot be read or applied.
        public static let unreadableEvent = Code(description: "unreadable_event")
        /// The stream lacks an event between two others.
        public static let missingEvent = Code(description: "missing_event")
        /// The stream never had the version that is asked for.
        public static let noSuchVersion = Code(description: "no_such_version")
        /// A new event could not be read or applied once it was stored, so it is not stored.
        public static let unwritableEvent = Code(description: "unwritable_event")
    }

    /// The kind of error.
    public let code: Code
    /// The stream.
    public let stream: String
    /// The version of the event that the error is about.
    public let version: StreamPosition
    /// What was found, in one sentence without its full stop.
    public let message: String
    /// What can be done about it.
    public let remedy: String

    /// The message and the remedy. It holds no payload.
    public var description: String { "\(message); \(remedy)" }
}

extension AggregateStoreError {
    static func unreadable(_ type: EventType, _ stream: String, _ version: StreamPosition, _ cause: any Error) -> Self {
        AggregateStoreError(
            code: .unreadableEvent,
            stream: stream,
            version: version,
            message: "event \(version) of stream \(stream.abbreviated()), a \(type), cannot be read: \(cause)",
            remedy: "teach the program to read it, for instance by an upcaster"
        )
    }

    static func missing(_ version: StreamPosition, _ stream: String) -> Self {
        AggregateStoreError(
            code: .missingEvent,
            stream: stream,
            version: version,
            message: "stream \(stream.abbreviated()) has no event \(version), though it has later ones",
            remedy: "restore the event"
        )
    }

    static func noSuchVersion(_ version: StreamPosition, _ stream: String, newest: StreamPosition) -> Self {
        AggregateStoreError(
            code: .noSuchVersion,
            stream: stream,
            version: version,
            message: "stream \(stream.abbreviated()) has no version \(version): it stands at \(newest)",
            remedy: "ask for a version from 0 to \(newest)"
        )
    }

    static func unwritable(_ type: EventType, _ stream: String, _ version: StreamPosition, _ cause: any Error) -> Self {
        AggregateStoreError(
            code: .unwritableEvent,
            stream: stream,
            version: version,
            message: "a \(type) for stream \(stream.abbreviated()) could not be read back: \(cause)",
            remedy: "refuse it in the decision"
        )
    }
}
