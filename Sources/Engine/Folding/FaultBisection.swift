package import Postgres
package import Refold

/// Finds the event whose rows the database refuses: when a window fails on its data, it is folded again batch by batch,
/// and the batch that fails event by event. The event found is then refused like one that the projection refuses.
package struct FaultBisection: Sendable {
    /// What commits together.
    enum Step: Sendable {
        case window, batch, event
    }

    private(set) var step = Step.window
    /// The events found, with what the database said.
    private(set) var culprits: [GlobalPosition: PostgresError] = [:]

    package init() {}

    /// Takes in an error of a runner.
    ///
    /// - Returns: whether a new runner, from the committed checkpoint and with this value, gets further.
    package mutating func narrow(after error: any Error) -> Bool {
        if let refused = error as? RefusedByDatabase {
            culprits[refused.position] = refused.cause
            step = .window
            return true
        }
        guard let error = error as? PostgresError, error.isDataError else { return false }
        switch step {
        case .window: step = .batch
        case .batch: step = .event
        // In single steps every refusal names its event, so this one is about something else.
        case .event: return false
        }
        return true
    }
}

/// The database refused the rows of one event.
package struct RefusedByDatabase: Error {
    package let position: GlobalPosition
    package let cause: PostgresError

    package init(position: GlobalPosition, cause: PostgresError) {
        self.position = position
        self.cause = cause
    }
}
