internal import Synchronization

/// How long a connection has waited for its server without an answer, for other threads to see.
final class Silence: Sendable {
    private let began = Mutex<ContinuousClock.Instant?>(nil)

    /// When the present wait began; nil while there is none.
    var since: ContinuousClock.Instant? { began.withLock { $0 } }

    func begin() {
        began.withLock { if $0 == nil { $0 = .now } }
    }

    func end() {
        began.withLock { $0 = nil }
    }
}

/// A connection whose statement the server has not answered, nor taken data for, for a while.
public struct SilentConnection: Sendable {
    /// Its `application_name`.
    public let applicationName: String
    /// The process id of the server's backend; nil behind a pooler.
    public let backendPID: Int32?
    /// Since when.
    public let since: ContinuousClock.Instant
}
