package import Refold

/// One log that was read: what `refold.logs` has a row for.
///
/// The name of an events table may stand for several logs one after the other, as when a backup of it is restored and
/// writing continues there.
package struct LogID: RawRepresentable, Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The number of its row.
    package let rawValue: Int64

    /// A log's id from its row's number.
    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// The number.
    package var description: String { "\(rawValue)" }

    /// The newer log has the higher number.
    package static func < (left: LogID, right: LogID) -> Bool { left.rawValue < right.rawValue }
}

/// A log that was recognised, or that is read for the first time.
package struct KnownLog: Sendable, Hashable {
    /// Which one it is.
    package let id: LogID
    /// The stored mark, up to which a read needs no probe; zero for one that was not read yet.
    package let mark: GlobalPosition
    /// What an operator should know: what is different from before and was adopted, which events are gone.
    package let notes: [String]

    package init(id: LogID, mark: GlobalPosition, notes: [String] = []) {
        self.id = id
        self.mark = mark
        self.notes = notes
    }
}
