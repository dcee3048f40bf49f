/// Where the time comes from: the machine's clock, or one that a test moves.
///
/// Values that decide take an instant as a parameter and read no clock; the code that performs their decisions owns one
/// of these. Its instants are those of `ContinuousClock` whichever clock it is made of, so that a value does not depend
/// on the clock's type.
package struct TimeSource: Sendable {
    private let read: @Sendable () -> ContinuousClock.Instant
    private let pause: @Sendable (Duration) async throws -> Void

    /// The machine's clock, which also runs while the machine sleeps.
    package static let machine = TimeSource(
        read: { .now },
        pause: { try await Task.sleep(for: $0) }
    )

    /// The time of any clock, counted from now.
    package init<C: Clock>(_ clock: C) where C.Duration == Duration {
        let (start, began) = (clock.now, ContinuousClock.now)
        read = { began + start.duration(to: clock.now) }
        pause = { try await clock.sleep(for: $0) }
    }

    private init(
        read: @escaping @Sendable () -> ContinuousClock.Instant,
        pause: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.read = read
        self.pause = pause
    }

    /// The moment at which it is asked.
    package var now: ContinuousClock.Instant { read() }

    /// Waits.
    ///
    /// - Throws: `CancellationError`.
    package func sleep(for duration: Duration) async throws { try await pause(duration) }
}
