internal import EventStore
package import Logging
internal import Postgres
package import Refold
package import Timing

/// Folds events into the rows of one generation and hands them over window by window.
///
/// It performs what values decide: ``BatchFolder`` the outcome of each event, ``ResidentRows`` which rows are in
/// memory, ``WindowPolicy`` when a window commits; ``WindowCommitter`` commits it.
///
/// The same runner tails and rebuilds; only the commit window differs. After any error it is spent: its rows are dropped
/// with it, and a new runner starts from the committed checkpoint.
package actor ProjectionRunner {
    package nonisolated let projection: any Projection
    package nonisolated let generation: Generation
    package nonisolated let writer: GenerationWriter
    private let folder: BatchFolder
    private let policy: WindowPolicy
    private let encoder: WindowEncoder
    private let committer: WindowCommitter
    private let resident: ResidentRows
    private let time: TimeSource
    private let logger: Logger

    private var window: OpenWindow
    private var phase: GenerationPhase
    private var hasVersionTables: Bool
    /// The writer's connection is in the pointing transaction.
    private var isPointing = false
    /// Where blocks come from: ended when a commit fails, since the next block may be long in coming.
    private var inbox: Inbox?
    /// Everything up to here is in the rows.
    private var position: GlobalPosition {
        didSet { progress.hasFolded(through: position) }
    }
    /// How far it is, for observers.
    package nonisolated let progress: FoldingProgress
    /// The generation that readers are sent to, or were: it is read as soon as it is settled.
    private nonisolated var isLive: Bool { generation.state == .pointed }

    /// - Parameter loaded: what the generation was found to be, with what it needs in memory.
    package init(
        _ projection: any Projection,
        _ writer: GenerationWriter,
        _ loaded: sending LoadedGeneration,
        refusals: RefusalPolicy,
        options: RunnerOptions,
        time: TimeSource,
        logger: Logger
    ) {
        self.projection = projection
        self.writer = writer
        self.time = time
        self.logger = logger
        generation = writer.generation
        phase = loaded.phase
        hasVersionTables = loaded.hasVersionTables
        resident = loaded.rows
        folder = BatchFolder(projection, policy: refusals, bisection: options.limits.bisection)
        policy = WindowPolicy(options.limits, budget: options.budget.limit)
        committer = options.committer
        encoder = WindowEncoder(writer, cache: options.committer.cache, mostBytes: policy.mostChangedBytes)
        position = writer.owned.position
        progress = FoldingProgress(from: writer.owned.position)
        let knowsFirstEvent = writer.generation.firstEvent != nil
        window = OpenWindow(at: writer.owned.position, knowsFirstEvent: knowsFirstEvent, now: time.now)
    }

    // MARK: Taking events

    /// Takes everything that comes through an inbox until it is finished.
    ///
    /// - Throws: also the error of a commit in flight, as soon as it has failed.
    package func takeBlocks(from inbox: Inbox) async throws {
        self.inbox = inbox
        defer { self.inbox = nil }
        do {
            while let block = await inbox.next() { try await take(block, moreIsWaiting: !inbox.isEmpty) }
            if inbox.isAbandoned { try await committer.finish(generation.number) }
        } catch {
            inbox.abandon()
            throw error
        }
    }

    /// Folds a block; closes the window when it is due.
    ///
    /// - Parameter moreIsWaiting: another block follows at once.
    /// - Throws: ``EngineError/Code/stopped`` when the projection refuses an event under the policy `stop`; everything
    ///   before that event is committed then.
    package func take(_ block: FeedBlock, moreIsWaiting: Bool) async throws {
        guard block.after <= position else { throw EngineError.gap(projection.name, after: position, block.after) }
        progress.hasSeen(mark: block.mark)
        for batch in block.batches {
            let first = batch.firstIndex { $0.position > position } ?? batch.endIndex
            for part in policy.parts(of: first..<batch.endIndex) {
                try await fold(batch, part)
                do {
                    try await act(at: .folded)
                } catch let error as PostgresError where error.isDataError && policy.findsSingleEvents {
                    throw RefusedByDatabase(position: batch[part.lowerBound].position, cause: error)
                }
            }
        }
        position = max(position, block.through)
        if block.isAtHead && !moreIsWaiting { try await act(at: .atHead) }
    }

    /// Folds a part of a batch: passes until none misses a row. What a pass misses is loaded.
    private func fold(_ batch: EventBatch, _ range: Range<Int>) async throws {
        var range = range
        while !range.isEmpty {
            switch folder.fold(batch, range, into: resident.rows) {
            case .folded(let pass):
                window.add(pass)
                if let refusal = pass.refusal { try await stop(at: refusal.event, because: refusal.error) }
                position = batch[pass.end - 1].position
                try await makeRoom(for: 0)
                range = pass.end..<range.upperBound
            case .missing:
                let hasRoom = try await makeRoom(for: resident.rows.missingBytes)
                if !hasRoom && range.count > 1 {
                    let middle = range.lowerBound + range.count / 2
                    try await fold(batch, range.lowerBound..<middle)
                    return try await fold(batch, middle..<range.upperBound)
                }
                try await resident.loadMissing(from: writer)
            }
        }
    }

    /// Commits what came before a refused event and stops there. Within the pointing transaction the throw rolls
    /// everything back, and the next run stops here again.
    private func stop(at event: Event, because error: any Error) async throws {
        position = GlobalPosition(event.position.rawValue - 1)
        try await finish()
        throw EngineError.stopped(projection.name, at: event, because: error)
    }

    // MARK: Windows

    private func act(at moment: WindowPolicy.Moment) async throws {
        try await perform(action(at: moment))
    }

    private func action(at moment: WindowPolicy.Moment) -> WindowPolicy.Action {
        let state = WindowPolicy.State(
            phase: phase,
            isLive: isLive,
            isPointing: isPointing,
            changedBytes: resident.rows.changedBytes,
            emittedBytes: resident.rows.emittedBytes
        )
        return policy.action(at: moment, window, state, now: time.now)
    }

    private func perform(_ action: WindowPolicy.Action) async throws {
        switch action {
        case .none: break
        case .close: try await closeWindow()
        case .commit: try await flush()
        case .settle: try await settle()
        case .evict(let room):
            // Only what is committed may leave memory: a row loaded again must not be older than the one evicted.
            try await flush()
            resident.evict(toHold: room)
        }
    }

    /// Keeps the rows within the budget.
    ///
    /// - Returns: whether `bytes` more fit.
    @discardableResult
    private func makeRoom(for bytes: Int) async throws -> Bool {
        while !resident.hasRoom(for: bytes, movesTogether: !isPointing) {
            let action = action(at: .full(room: bytes))
            try await perform(action)
            if action != .settle { return action == .none || resident.fits(bytes) }
        }
        return true
    }

    /// Hands the window over for committing; folding may continue.
    private func closeWindow() async throws {
        guard position > window.start else { return }
        // At most one is encoded beside the rows.
        try await committer.finish(generation.number)
        if phase == .memory && !hasVersionTables {
            try await writer.createVersions()
            hasVersionTables = true
        }
        let closed = closed()
        try await committer.schedule(closed, by: writer) { await self.take($0) }
        if closed.isBorrowed { try await committer.finish(generation.number) }
    }

    private func closed() -> CommitWindow {
        let (encoded, hotRows) = encoder.takeChanges(of: resident.rows, in: phase)
        return window.close(
            at: position,
            encoded,
            hotRows,
            emissions: resident.rows.takeEmissions(),
            now: time.now
        )
    }

    private nonisolated func take(_ report: WindowCommitter.Report) async {
        switch report {
        case .committed(let position): hasCommitted(through: position)
        case .failed: await wake()
        }
    }

    private nonisolated func hasCommitted(through position: GlobalPosition) {
        progress.hasCommitted(through: position)
        committer.metrics?[projection.name]?.isBehind(by: progress.lag)
    }

    /// Wakes the task that waits for the next block.
    private func wake() { inbox?.abandon() }

    /// Commits everything folded so far, for readers to see: what a live generation has built in memory is settled.
    package func finish() async throws { try await act(at: .atEnd) }

    /// Commits everything folded so far.
    package func flush() async throws {
        try await closeWindow()
        try await committer.finish(generation.number)
    }

    /// Writes everything into keyed tables; from then on rows are replaced in them and may leave memory.
    package func settle() async throws { _ = try await settle { _, _ in } }

    /// The same, and runs a body over all the rows while they are written, if they are still in memory.
    ///
    /// - Parameter alongside: gets the rows by table, and their position.
    /// - Returns: what that returned; nil when the generation was settled before.
    package func settle<Other: Sendable>(
        alongside: @escaping @Sendable ([BorrowedRows], GlobalPosition) async -> Other
    ) async throws -> Other? {
        guard phase == .memory else {
            try await flush()
            return nil
        }
        try await committer.finish(generation.number)
        let rows = encoder.borrowAll(of: resident.rows)
        let closed = window.close(
            at: position,
            .whole(rows),
            .skipped,
            emissions: resident.rows.takeEmissions(),
            now: time.now
        )
        async let other = alongside(rows, closed.to)
        try await committer.commit(closed, by: writer, attaches: isLive)
        hasCommitted(through: closed.to)
        let result = await other
        phase = .settled
        if isLive { committer.cache?.follow(writer) }
        return result
    }

    // MARK: The end

    /// Folds up to a position and hands out the window, to be written in a transaction that the caller has open on the
    /// writer's connection, such as the pointing transaction.
    ///
    /// - Parameter limit: how long folding may take.
    /// - Throws: ``EngineError/Code/outpaced`` when it takes longer.
    package func finalWindow(
        from source: (any EventSource)?,
        through end: GlobalPosition,
        within limit: Duration
    ) async throws -> CommitWindow {
        precondition(phase == .settled, "only a settled generation is pointed at")
        isPointing = true
        defer { isPointing = false }
        let deadline = time.now + limit
        try await source?.read(after: position, through: end) { block in
            try await self.take(FeedBlock(block, mark: end), moreIsWaiting: true)
            if time.now > deadline, block.through < end { throw EngineError.outpaced(self.projection.name, limit) }
        }
        return closed()
    }

    /// How a runner ended.
    package struct Ending: Sendable {
        /// The error of the last window, if it failed; nothing of it is committed then.
        package let failure: (any Error)?
        /// Whether others may take the generation. If not, they may when the lease ends.
        package let isReleased: Bool
    }

    /// Releases the generation and ends the session.
    @discardableResult
    package func release() async -> Ending {
        var failure: (any Error)?
        do { try await committer.finish(generation.number) } catch { failure = error }
        var isReleased = true
        do {
            try await CheckpointStore(writer.connection).release(generation.number, of: writer.lease)
        } catch {
            logger.debug("the generation is not released", metadata: ["cause": "\(error)"])
            isReleased = false
        }
        await writer.connection.close()
        return Ending(failure: failure, isReleased: isReleased)
    }
}
