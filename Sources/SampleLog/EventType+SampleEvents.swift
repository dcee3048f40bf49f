public import Refold

extension EventType {
    /// A type that no projection takes, as any real log has.
    public static let sessionStarted: EventType = "session.started"
}
