internal import Refold
internal import Synchronization
package import Timing

/// Samples the high-water mark repeatedly, at a suitable pace, and reports once each transaction that has kept it back
/// for a second.
package final class MarkWatcher: Sendable {
    /// Receives a blocking transaction, with the details that the server shows; nil when it has just ended.
    package typealias Report = @Sendable (BlockedMark, BlockingTransaction.Details?) -> Void

    /// What it looks with.
    package let probe: HighWaterMarkProbe
    private let pacing: SamplePacing
    private let time: TimeSource
    private let report: Report?
    private let state = Mutex(State())

    private struct State {
        var sample: MarkSample?
        /// The position of the transaction that was reported last.
        var reported: GlobalPosition?
    }

    /// Transactions that write come and go; only one that lasts for longer is worth reporting.
    private static let unremarkable: Duration = .seconds(1)

    package init(
        _ probe: HighWaterMarkProbe,
        pacing: SamplePacing = SamplePacing(),
        time: TimeSource = .machine,
        report: Report?
    ) {
        self.probe = probe
        self.pacing = pacing
        self.time = time
        self.report = report
    }

    /// The last sample; nil before the first.
    package var lastSample: MarkSample? { state.withLock { $0.sample } }

    /// Waits for as long as the last sample suggests.
    ///
    /// - Throws: `CancellationError`.
    package func pause() async throws {
        guard let sample = lastSample else { return }
        let wait = pacing.wait(after: sample, at: time.now)
        if wait > .zero { try await time.sleep(for: wait) }
    }

    /// Samples at once.
    @discardableResult
    package func sample() async throws(EventStoreError) -> MarkSample {
        let sample = try await probe.sample()
        state.withLock { $0.sample = sample }
        return sample
    }

    /// Samples at once, and reports the transaction that keeps the mark back.
    @discardableResult
    package func look() async throws(EventStoreError) -> MarkSample {
        let sample = try await sample()
        guard let report, let hold = sample.hold, time.now - hold.since > Self.unremarkable else { return sample }
        let isNew = state.withLock { state in
            defer { state.reported = hold.position }
            return state.reported != hold.position
        }
        if isNew { report(hold, try await probe.details(of: hold)) }
        return sample
    }
}
