internal import EventStore
internal import Refold
internal import Synchronization

/// Reads for one projection alone; connects when it is first needed.
final class CatchUpReader: Sendable {
    private let engine: Engine
    private let opened = Mutex<StoreSource?>(nil)

    init(engine: Engine) {
        self.engine = engine
    }

    /// The source, once something was read.
    var source: StoreSource? { opened.withLock { $0 } }

    func closeSoon() { source?.closeSoon() }

    /// Folds up to a position at or below the mark, and commits.
    func advance(_ runner: ProjectionRunner, to end: GlobalPosition) async throws {
        try await fold(runner, to: end)
        try await runner.flush()
    }

    /// Folds up to a position at or below the mark; windows are committed as they fall due.
    func fold(_ runner: ProjectionRunner, to end: GlobalPosition) async throws {
        let source = try await connected()
        try await source.read(after: runner.progress.foldedPosition, through: end) { block in
            try await runner.take(FeedBlock(block, mark: end), moreIsWaiting: true)
        }
    }

    /// The same for some of the way: so many positions behind the next event, however far that is.
    func foldPart(_ runner: ProjectionRunner, to end: GlobalPosition) async throws {
        let next = try await connected().firstPosition(after: runner.progress.foldedPosition, through: end) ?? end
        let (part, isBeyond) = next.rawValue.addingReportingOverflow(Self.partLength)
        try await fold(runner, to: isBeyond ? end : min(end, GlobalPosition(part)))
    }

    private static let partLength: Int64 = 100_000

    func connected() async throws -> StoreSource {
        if let source { return source }
        let source = try await StoreSource.open(engine)
        opened.withLock { $0 = source }
        return source
    }
}
