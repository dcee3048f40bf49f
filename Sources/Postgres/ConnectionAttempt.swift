internal import Synchronization

/// An attempt to connect whose waiting ends with its outcome, or earlier when it is abandoned.
final class ConnectionAttempt: Sendable {
    typealias Outcome = Result<PostgresConnection, PostgresError>

    private enum State {
        case begun
        case awaited(CheckedContinuation<Outcome, Never>)
        case ended(Outcome)
        case over
    }

    private let state = Mutex(State.begun)

    /// Runs `dial` in a task of its own, because libpq cannot be interrupted while it connects: the caller's wait ends,
    /// and a connection that arrives too late is closed.
    static func run(
        _ abortSwitch: AbortSwitch,
        _ dial: @escaping @Sendable () async throws(PostgresError) -> PostgresConnection
    ) async throws(PostgresError) -> PostgresConnection {
        let attempt = ConnectionAttempt()
        let task = Task {
            let outcome: Outcome
            do throws(PostgresError) {
                outcome = .success(try await dial())
            } catch {
                outcome = .failure(error)
            }
            if !attempt.end(outcome), case .success(let late) = outcome { await late.close() }
        }
        abortSwitch.whileDialling { attempt.end(.failure(ConnectionRegistry.refusal)) }
        return try await withTaskCancellationHandler {
            await withCheckedContinuation { attempt.wait($0) }
        } onCancel: {
            task.cancel()
            let error = PostgresError(.cancelled, operation: "connect", message: "the task was cancelled")
            attempt.end(.failure(error))
        }.get()
    }

    private func wait(_ continuation: CheckedContinuation<Outcome, Never>) {
        let outcome: Outcome? = state.withLock { state in
            if case .ended(let outcome) = state {
                state = .over
                return outcome
            }
            state = .awaited(continuation)
            return nil
        }
        if let outcome { continuation.resume(returning: outcome) }
    }

    /// - Returns: false when it had ended before.
    @discardableResult
    private func end(_ outcome: Outcome) -> Bool {
        let (isFirst, continuation): (Bool, CheckedContinuation<Outcome, Never>?) = state.withLock { state in
            switch state {
            case .begun:
                state = .ended(outcome)
                return (true, nil)
            case .awaited(let continuation):
                state = .over
                return (true, continuation)
            case .ended, .over:
                return (false, nil)
            }
        }
        continuation?.resume(returning: outcome)
        return isFirst
    }
}
