internal import Refold

/// When a snapshot of an aggregate is taken, so that loading it reads few events.
public struct SnapshotPolicy: Sendable, Hashable {
    /// After how many events; nil for never.
    let interval: Int?

    /// At the save after which the newest usable snapshot is that many events old, or the stream that long without one.
    ///
    /// - Parameter events: at least 1.
    public static func every(_ events: Int) -> SnapshotPolicy {
        SnapshotPolicy(interval: max(1, events))
    }

    /// Snapshots are neither taken nor used.
    public static let never = SnapshotPolicy(interval: nil)

    /// Every 100 events: loading then reads fewer than that, and one save in a hundred writes a row more.
    public static let `default` = SnapshotPolicy.every(100)

    /// Whether a snapshot is due at a version when the newest usable one was taken at another; 0 for none.
    func isDue(at version: StreamPosition, after snapshot: StreamPosition) -> Bool {
        guard let interval else { return false }
        return version.rawValue - snapshot.rawValue >= Int64(interval)
    }
}
