internal import Postgres
package import Refold

/// Folds events of a batch into rows in one pass, and decides the outcome of each: applied, set aside, or refused.
///
/// It reads and writes nothing but the rows. The caller loads what they lack and commits what has changed in them.
package struct BatchFolder {
    private let projection: any Projection
    private let types: EventTypeSet
    private let policy: RefusalPolicy
    /// Events that the database refused.
    private let culprits: [GlobalPosition: PostgresError]

    /// What a pass did.
    package struct Pass {
        /// The index of the first event that it did not reach.
        package var end: Int
        /// Events applied or set aside.
        package var events = 0
        package var deadLetters: [DeadLetter] = []
        /// The event that stops the projection; everything before it is in the rows.
        package var refusal: (event: Event, error: any Error)?

        package init(end: Int, events: Int = 0, deadLetters: [DeadLetter] = []) {
            self.end = end
            self.events = events
            self.deadLetters = deadLetters
        }
    }

    package enum Outcome {
        case folded(Pass)
        /// Rows were looked up that are not in memory; nothing was changed, and the rows know which.
        case missing
    }

    package init(_ projection: any Projection, policy: RefusalPolicy, bisection: FaultBisection) {
        self.projection = projection
        self.policy = policy
        types = EventTypeSet(projection.eventTypes)
        culprits = bisection.culprits
    }

    /// Folds events up to the end of the range, to one that stops the projection, or to where undoing them takes too much.
    package func fold(_ batch: EventBatch, _ range: Range<Int>, into rows: Rows) -> Outcome {
        rows.beginPass()
        let pass = apply(batch, range, to: rows)
        if rows.hasMissingKeys {
            rows.undoPass()
            return .missing
        }
        rows.acceptPass()
        return .folded(pass)
    }

    private func apply(_ batch: EventBatch, _ range: Range<Int>, to rows: Rows) -> Pass {
        var pass = Pass(end: range.upperBound)
        guard types.mayOccur(in: batch) else { return pass }
        let (projection, types) = (projection, types)
        for index in range {
            if (index - range.lowerBound) % Rows.lookAheadDistance == 0 {
                rows.lookAhead(at: index..<min(index + Rows.lookAheadDistance, range.upperBound), of: batch)
            }
            let event = batch.borrow(index)
            guard types.contains(event) else { continue }
            var error: (any Error)?
            if !culprits.isEmpty, let culprit = culprits[event.position] {
                error = culprit
            } else if case .refused(let refusal) = rows.apply(event, with: projection) {
                // A refusal while rows are missing says nothing about the event.
                if !rows.hasMissingKeys { error = refusal }
            }
            if let error {
                if policy == .stop {
                    pass.refusal = (batch[index], error)
                    return pass
                }
                pass.deadLetters.append(
                    DeadLetter(position: event.position, type: String(event.typeName), error: String(describing: error))
                )
            }
            pass.events += 1
            if rows.undoBytes > Rows.mostUndoBytes {
                pass.end = index + 1
                return pass
            }
        }
        return pass
    }
}
