/// Waits until `condition` holds, looking again every few milliseconds.
///
/// - Throws: `DeadlineExceeded` when it does not hold in time.
public func eventually(
    isolation: isolated (any Actor)? = #isolation,
    within limit: Duration = .seconds(10),
    _ what: String,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw DeadlineExceeded(what: what, limit: limit) }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// A condition did not come true in time.
public struct DeadlineExceeded: Error, CustomStringConvertible {
    let what: String
    let limit: Duration

    /// What was waited for, and how long.
    public var description: String { "not within \(limit): \(what)" }
}
