/// What a test waited for in vain.
public struct DeadlineExceeded: Error, CustomStringConvertible {
    /// What did not happen, and for how long.
    public let description: String
}

/// Waits until a condition holds, asking every few milliseconds.
///
/// - Parameters:
///   - purpose: what is waited for, in words that end the sentence "waited for …".
///   - limit: after which time it is a failure; long, since it is about what happens, not about how fast.
///   - interval: the pause between two looks.
///   - condition: whether it holds now; what it throws ends the wait.
/// - Throws: `DeadlineExceeded`, or what the condition threw.
public func wait(
    for purpose: String,
    within limit: Duration = .seconds(60),
    every interval: Duration = .milliseconds(3),
    isolation: isolated (any Actor)? = #isolation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while true {
        if try await condition() { return }
        guard ContinuousClock.now < deadline else {
            throw DeadlineExceeded(description: "waited \(limit) in vain for \(purpose)")
        }
        try await Task.sleep(for: interval)
    }
}
