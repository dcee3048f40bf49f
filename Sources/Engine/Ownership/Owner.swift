public import Refold

/// The process that owns a generation.
public struct Owner: Sendable, Hashable {
    /// Name of the machine.
    public let host: String
    /// Process id there.
    public let pid: Int32
    /// When it took the generation, microseconds since 2000-01-01 UTC; nil for this process.
    public let since: Timestamp?

    package init(host: String, pid: Int32, since: Timestamp?) {
        self.host = host
        self.pid = pid
        self.since = since
    }
}

extension Owner: CustomStringConvertible {
    /// Machine and process.
    public var description: String { "\(host), pid \(pid)" }
}
