public import Refold

/// The state of a relay to Kafka.
public struct RelayStatus: Sendable {
    /// The version of its topics; empty for the first.
    public var version: String
    /// Kafka has acknowledged everything up to here.
    public var position: GlobalPosition
    /// The high-water mark of the store.
    public var mark: GlobalPosition = .zero
    /// How often a relay has begun.
    public var epoch: Int64
    /// The process that sends; nil when none does.
    public var owner: Owner?
    /// Why nothing is sent.
    public var cause: String?

    package init(version: String, position: GlobalPosition, epoch: Int64, owner: Owner?, cause: String?) {
        self.version = version
        self.position = position
        self.epoch = epoch
        self.owner = owner
        self.cause = cause
    }

    /// Positions up to the mark that are not acknowledged yet.
    public var lag: Int64 { max(0, mark.rawValue - position.rawValue) }
}
