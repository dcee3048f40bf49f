public import Refold

/// Where a writer expects a stream to stand. The first event of a stream has version 1.
public enum ExpectedVersion: Sendable, Hashable, CustomStringConvertible {
    /// Anywhere.
    case any
    /// The stream has no event.
    case noStream
    /// The stream has an event.
    case streamExists
    /// The stream's newest event has this version; 0 is the same as ``noStream``.
    case exactly(StreamPosition)

    /// Whether a stream of that version is as expected; version 0 is a stream without events.
    public func accepts(_ version: StreamPosition) -> Bool {
        switch self {
        case .any: true
        case .noStream: version.rawValue == 0
        case .streamExists: version.rawValue > 0
        case .exactly(let expected): version == expected
        }
    }

    /// The expectation in words.
    public var description: String {
        switch self {
        case .any: "any version"
        case .noStream: "no events"
        case .streamExists: "at least one event"
        case .exactly(let version): "version \(version)"
        }
    }
}

/// The result of an append.
public struct Appended: Sendable, Hashable {
    /// The version of the last of the appended events: the stream's version after the append.
    public let version: StreamPosition
    /// The events' global positions, in order; other writers' may lie between them.
    public let positions: [GlobalPosition]
    /// The events had been appended before, by an earlier call whose answer was lost: this one stored nothing.
    public let wasRepeated: Bool

    init(version: StreamPosition, positions: [GlobalPosition], wasRepeated: Bool = false) {
        self.version = version
        self.positions = positions
        self.wasRepeated = wasRepeated
    }
}
