internal import Synchronization

/// The connections of one process, those that are still being made included, so that all can be ended at once.
///
/// Given to `PostgresOptions.registry`. A process that has to end and cannot wait for its statements (a row lock, a frozen
/// server) calls `abortAll`; what was not committed is rolled back by the server.
public final class ConnectionRegistry: Sendable {
    private struct Session {
        let applicationName: String
        let backendPID: Int32?
        let silence: Silence
    }

    private struct State {
        var switches: [ObjectIdentifier: AbortSwitch] = [:]
        /// Of connections that are established.
        var sessions: [ObjectIdentifier: Session] = [:]
        var wasAborted = false
    }

    private let state = Mutex(State())

    /// Creates an empty registry.
    public init() {}

    /// How many connections are open or being made.
    public var count: Int { state.withLock { $0.switches.count } }

    /// Whether `abortAll` was called.
    public var wasAborted: Bool { state.withLock { $0.wasAborted } }

    /// Ends whatever the connections are doing, at once: calls that await a statement throw `.connectionLost`. From
    /// then on connecting throws `.cancelled`.
    ///
    /// May be called from any thread, and more than once.
    ///
    /// - Parameter applicationName: of connections that are left alone.
    public func abortAll(sparing applicationName: String? = nil) {
        let switches = state.withLock { state in
            state.wasAborted = true
            return state.switches.filter { key, _ in
                applicationName == nil || state.sessions[key]?.applicationName != applicationName
            }.values
        }
        for abortSwitch in switches { abortSwitch.abort() }
    }

    /// The connections whose server has been silent in the middle of a statement for that long.
    public func silentConnections(for time: Duration) -> [SilentConnection] {
        let sessions = state.withLock { Array($0.sessions.values) }
        return sessions.compactMap { session in
            guard let since = session.silence.since, ContinuousClock.now - since >= time else { return nil }
            return SilentConnection(
                applicationName: session.applicationName,
                backendPID: session.backendPID,
                since: since
            )
        }
    }

    func add(_ abortSwitch: AbortSwitch) throws(PostgresError) {
        let isAccepted = state.withLock { state in
            if !state.wasAborted { state.switches[ObjectIdentifier(abortSwitch)] = abortSwitch }
            return !state.wasAborted
        }
        guard isAccepted else { throw Self.refusal }
    }

    /// The connection is made.
    func opened(_ abortSwitch: AbortSwitch, _ applicationName: String, backendPID: Int32?, _ silence: Silence) {
        let session = Session(applicationName: applicationName, backendPID: backendPID, silence: silence)
        state.withLock { $0.sessions[ObjectIdentifier(abortSwitch)] = session }
    }

    func remove(_ abortSwitch: AbortSwitch) {
        state.withLock { state in
            state.switches[ObjectIdentifier(abortSwitch)] = nil
            state.sessions[ObjectIdentifier(abortSwitch)] = nil
        }
    }

    /// Not transient: callers that repeat failures must not do so while the process ends.
    static let refusal = PostgresError(
        .cancelled,
        operation: "connect",
        message: "the connections of this process are given up"
    )
}
