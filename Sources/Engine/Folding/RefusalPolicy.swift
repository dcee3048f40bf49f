/// What happens when a projection refuses an event.
public enum RefusalPolicy: String, Sendable {
    /// The projection halts at the event; others go on.
    case stop
    /// The event goes to `refold.dead_letters`, in the transaction of its window.
    case skip
}
