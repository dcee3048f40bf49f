public import Refold

/// One log that was read: what `refold.logs` has a row for.
///
/// The name of an events table may stand for several logs one after the other, as when a backup of it is restored and
/// written on.
public struct LogID: RawRepresentable, Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The number of its row.
    public let rawValue: Int64

    /// A log's id from its row's number.
    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// The number.
    public var description: String { "\(rawValue)" }

    /// The newer log has the higher number.
    public static func < (left: LogID, right: LogID) -> Bool { left.rawValue < right.rawValue }
}

/// A log that was known again, or that is read for the first time.
public struct KnownLog: Sendable, Hashable {
    /// Which one it is.
    public let id: LogID
    /// The stored mark, up to which a read needs no probe; zero for one that was not read yet.
    public let mark: GlobalPosition
    /// What an operator is to know: what is different from before and was adopted, which events are gone.
    public let notes: [String]

    package init(id: LogID, mark: GlobalPosition, notes: [String] = []) {
        self.id = id
        self.mark = mark
        self.notes = notes
    }
}
