internal import Refold

/// What happens when a projection refuses an event.
public enum RefusalPolicy: String, Sendable {
    /// The projection stops at the event; others continue.
    case stop
    /// The event goes to `refold.dead_letters`, in the transaction of its window.
    case skip
}

extension EngineError {
    /// A projection under the policy `stop` has refused an event.
    static func stopped(_ projection: ProjectionName, at event: Event, because error: any Error) -> EngineError {
        EngineError(
            .stopped,
            projection: projection,
            position: event.position,
            "\(projection) refused the event at position \(event.position) (\(event.typeName)): \(error)",
            remedy:
                "correct the projection and rebuild it, or set projections.\(projection).policy to skip and start again"
        )
    }
}
