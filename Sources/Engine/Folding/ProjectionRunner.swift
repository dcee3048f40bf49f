internal import EventStore
internal import Logging
internal import Metrics
internal import Postgres
internal import Refold
internal import Synchronization

/// Folds events into the rows of one generation and commits them window by window.
///
/// The same runner tails and rebuilds; only the commit window differs. After any error it is spent: its rows are dropped
/// with it, and a new runner starts from the committed checkpoint.
actor ProjectionRunner {
    nonisolated let projection: any Projection
    nonisolated let generation: Generation
    nonisolated let writer: GenerationWriter
    private let folder: BatchFolder
    private let step: FaultBisection.Step
    private let budget: MemoryBudget
    private let cache: (any CacheFollower)?
    private let logger: Logger

    private var rows: Rows
    private var phase: Generation.Phase
    /// The generation that readers are sent to, or were: it is read as soon as it is settled.
    private nonisolated var isLive: Bool { generation.state == .pointed }
    private var hasVersionTables = false
    /// Everything up to here is in the rows.
    private(set) var position: GlobalPosition {
        didSet { folded.store(position.rawValue, ordering: .relaxed) }
    }
    private nonisolated let folded: Atomic<Int64>
    private nonisolated let committed: Atomic<Int64>
    /// Everything up to here is known to be committed.
    nonisolated var committedPosition: GlobalPosition { GlobalPosition(committed.load(ordering: .relaxed)) }
    /// ``position`` for those who watch.
    nonisolated var foldedPosition: GlobalPosition { GlobalPosition(folded.load(ordering: .relaxed)) }
    private var window: OpenWindow
    /// The window being committed while the next one is folded; awaited before another is handed over.
    private var committing: Task<Void, any Error>?
    /// What blocks come through: ended when a commit fails, since the next block may be long in coming.
    private var inbox: Inbox?
    /// The writer's connection is in the pointing transaction: no window may be closed.
    private var isPointing = false

    init(
        projection: any Projection,
        writer: GenerationWriter,
        policy: RefusalPolicy,
        options: Engine.RunnerOptions,
        logger: Logger
    ) {
        self.projection = projection
        self.writer = writer
        self.logger = logger
        folder = BatchFolder(projection, policy: policy, bisection: options.limits.bisection)
        step = options.limits.bisection.step
        budget = options.budget
        cache = options.cache
        // At position 0 no row exists.
        rows = Rows(projection.model, isComplete: writer.owned.position == .zero)
        generation = writer.generation
        phase = writer.generation.phase
        window = OpenWindow(
            at: writer.owned.position,
            options.limits,
            knowsFirstEvent: writer.generation.firstEvent != nil
        )
        position = writer.owned.position
        folded = Atomic(writer.owned.position.rawValue)
        committed = Atomic(writer.owned.position.rawValue)
    }

    deinit { budget.leave(generation.number) }

    /// Puts what must be in memory there: a generation that is built in memory has all its rows there. When they do not
    /// fit the budget, they are settled and loaded as they are needed.
    func loadRows() async throws {
        guard phase == .memory else {
            if isLive {
                // Where an older version settled it and was killed before it attached it.
                try await writer.connection.attach(writer.tables)
                try await writer.connection.setReadable(generation.number)
                becomeReadable()
            }
            return
        }
        hasVersionTables = try await writer.hasVersions()
        guard position > .zero else { return }
        for (table, index) in zip(writer.tables, rows.memories.indices) {
            try await writer.newestVersions(of: table) { result in try await self.keep(result, inTable: index) }
        }
        if rows.bytes > budget.allowance(for: generation.number, using: rows.bytes) {
            rows = Rows(projection.model, isComplete: false)
            try await writer.settleVersions(attaches: isLive)
            phase = .settled
            if isLive { becomeReadable() }
        } else {
            for memory in rows.memories { memory.markComplete() }
        }
    }

    private func keep(_ result: PostgresResult, inTable index: Int) throws -> Bool {
        var decoder = RowDecoder(definition: rows.memories[index].definition)
        try decoder.keep(result, in: rows.memories[index])
        return rows.bytes <= budget.allowance(for: generation.number, using: rows.bytes)
    }

    // MARK: Taking events

    /// Folds a block; closes the window when it is due.
    ///
    /// - Parameter moreIsWaiting: another block follows at once.
    /// - Throws: ``EngineError/Code/stopped`` when the projection refuses an event under the policy `stop`; everything
    ///   before that event is committed then.
    func take(_ block: FeedBlock, moreIsWaiting: Bool) async throws {
        guard block.after <= position else { throw EngineError.gap(projection.name, after: position, block.after) }
        for batch in block.batches {
            let first = batch.firstIndex { $0.position > position } ?? batch.endIndex
            switch step {
            case .window:
                try await fold(batch, first..<batch.endIndex)
                if isWindowDue { try await closeWindow() }
            case .batch:
                try await fold(batch, first..<batch.endIndex)
                try await flush()
            case .event:
                for index in first..<batch.endIndex { try await foldAlone(batch, index) }
            }
        }
        position = max(position, block.through)
        guard block.isAtHead && !moreIsWaiting else { return }
        if phase == .settled {
            try await closeWindow()
        } else if isLive {
            // Readers have waited for this since the reset.
            try await settle()
        }
    }

    /// Takes everything that comes through an inbox until it is finished.
    ///
    /// - Throws: also what a commit failed with that was in flight meanwhile, as soon as it has failed.
    func takeBlocks(from inbox: Inbox) async throws {
        self.inbox = inbox
        defer { self.inbox = nil }
        do {
            while let block = await inbox.next() { try await take(block, moreIsWaiting: !inbox.isEmpty) }
            if inbox.isAbandoned { try await awaitCommit() }
        } catch {
            inbox.abandon()
            throw error
        }
    }

    /// Commits everything folded so far, for readers to see: what a live generation has built in memory is settled.
    func finish() async throws {
        if isLive && phase == .memory { try await settle() } else { try await flush() }
    }

    /// Commits everything folded so far.
    func flush() async throws {
        try await closeWindow()
        try await awaitCommit()
    }

    // MARK: Folding

    /// Folds a part of a batch: passes until none misses a row. What a pass misses is loaded.
    private func fold(_ batch: EventBatch, _ range: Range<Int>) async throws {
        var range = range
        while !range.isEmpty {
            switch folder.fold(batch, range, into: rows) {
            case .folded(let pass):
                window.add(pass)
                if let refusal = pass.refusal { try await stop(at: refusal.event, because: refusal.error) }
                position = batch[pass.end - 1].position
                try await makeRoom(for: 0)
                range = pass.end..<range.upperBound
            case .missing:
                let room = try await makeRoom(for: rows.missingBytes)
                if !room && range.count > 1 {
                    let middle = range.lowerBound + range.count / 2
                    try await fold(batch, range.lowerBound..<middle)
                    return try await fold(batch, middle..<range.upperBound)
                }
                try await loadMissingRows()
            }
        }
    }

    /// Folds one event and commits it, so that an error of the database names it.
    private func foldAlone(_ batch: EventBatch, _ index: Int) async throws {
        try await fold(batch, index..<(index + 1))
        do {
            try await flush()
        } catch let error as PostgresError {
            guard error.isDataError else { throw error }
            throw RefusedByDatabase(position: batch[index].position, cause: error)
        }
    }

    private func loadMissingRows() async throws {
        let missing = rows.missingKeys.map { Array($0) }
        let loaded = try await writer.load(missing)
        for (index, result) in loaded.enumerated() {
            guard let result else { continue }
            let memory = rows.memories[index]
            var decoder = RowDecoder(definition: memory.definition)
            try decoder.keep(result, wanted: missing[index], in: memory)
        }
    }

    /// Commits what came before a refused event and stops there.
    private func stop(at event: Event, because error: any Error) async throws {
        position = GlobalPosition(event.position.rawValue - 1)
        // Within the pointing transaction the throw rolls everything back, and the next run stops here again.
        if !isPointing { try await finish() }
        throw EngineError(
            .stopped,
            projection: projection.name,
            position: event.position,
            "\(projection.name) refused the event at position \(event.position) (\(event.typeName)): \(error)",
            remedy:
                "correct the projection and rebuild it, or set projections.\(projection.name).policy to skip and start again"
        )
    }

    // MARK: Memory

    /// Keeps the rows within the budget: what is dirty is committed, then the least recently used are evicted.
    ///
    /// - Returns: whether `bytes` more fit.
    @discardableResult
    private func makeRoom(for bytes: Int) async throws -> Bool {
        var allowance = budget.allowance(for: generation.number, using: rows.bytes)
        guard rows.bytes + bytes > allowance && !isPointing else { return true }
        rows.moveTogether()
        allowance = budget.allowance(for: generation.number, using: rows.bytes)
        if rows.bytes + bytes <= allowance { return true }
        if phase == .memory { try await settle() } else { try await closeWindow() }
        // Only what is committed may leave memory: a row loaded again must not be older than the one evicted.
        try await awaitCommit()
        rows.evict(downTo: max(0, allowance * 7 / 8 - bytes))
        return rows.bytes + bytes <= allowance
    }

    // MARK: Windows

    /// What is encoded of one window beside the rows themselves: small beside the budget.
    private var mostChangedBytes: Int { min(32 << 20, budget.limit / 4) }

    private var isWindowDue: Bool {
        // What is built in memory is appended row by row: there is no limit to what is written at once.
        !isPointing && window.isDue(changedBytes: phase == .settled ? rows.changedBytes : 0, of: mostChangedBytes)
    }

    /// Hands the window over for committing; folding may go on.
    private func closeWindow() async throws {
        guard position > window.start else { return }
        try await awaitCommit()
        if phase == .memory && !hasVersionTables {
            try await writer.createVersions()
            hasVersionTables = true
        }
        let isBorrowed = phase == .memory && rows.changedBytes > mostChangedBytes
        let (encoded, hotRows) = isBorrowed ? (.borrowedVersions(borrowChanges()), .none) : encodeChanges()
        let closed = window.close(at: position, encoded, hotRows)
        let (writer, cache) = (writer, cache)
        // Not a child task: it outlives this call so that folding and committing overlap. `awaitCommit` joins it before
        // the next window, before anything is evicted, and at the end.
        committing = Task {
            do {
                try await writer.commit(closed)
            } catch {
                commitFailed()
                throw error
            }
            committed.store(closed.to.rawValue, ordering: .relaxed)
            cache?.committed(closed.hotRows, of: writer.generation.number, through: closed.to)
        }
        if isBorrowed { try await awaitCommit() }
    }

    /// Wakes whoever waits for the next block.
    private func commitFailed() { inbox?.abandon() }

    /// Waits until the window handed over is committed.
    private func awaitCommit() async throws {
        guard let task = committing else { return }
        committing = nil
        try await task.value
    }

    /// Nothing is folded until they are written.
    private func borrowChanges() -> [BorrowedRows] {
        rows.memories.map { BorrowedRows(changes: $0.takeChanges(), of: $0) }
    }

    private func encodeChanges() -> (CommitWindow.Rows, HotRows) {
        let changes = rows.memories.map { ($0.definition, $0.takeChanges()) }
        let hotRows = cache?.encode(changes.map(\.1), of: generation.number) ?? .none
        if phase == .memory {
            return (.versions(changes.map { RowEncoder(definition: $0).copyRows($1, withDeletions: true) }), hotRows)
        }
        var statements: [PostgresStatement] = []
        for ((definition, changed), table) in zip(changes, writer.tables) where !changed.isEmpty {
            let encoder = RowEncoder(definition: definition)
            let (present, gone) = (changed.filter(\.isPresent), changed.filter { !$0.isPresent })
            statements += encoder.upserts(present).map { PostgresStatement(table.upsertSQL, $0) }
            statements += encoder.deletions(gone).map { PostgresStatement(table.deleteSQL, $0) }
        }
        return (.replacements(statements), hotRows)
    }

    /// Gives the generation back and ends the session.
    ///
    /// - Returns: what the last window failed with, if it did; nothing of it is committed then.
    @discardableResult
    func release() async -> (any Error)? {
        var failure: (any Error)?
        do { try await awaitCommit() } catch { failure = error }
        do {
            try await writer.connection.release(generation.number, of: writer.lease)
        } catch {
            // It goes back with the lease.
            logger.debug("the generation is given back later", metadata: ["cause": "\(error)"])
        }
        await writer.connection.close()
        return failure
    }

    // MARK: The end of a rebuild

    /// Writes everything into keyed tables; from then on rows are replaced in them and may leave memory.
    ///
    /// - Parameter alongside: what else is to be done with all the rows while they are written, where they still are in
    ///   memory: the rows by table, and the position they stand at.
    func settle(
        alongside: @escaping @Sendable ([BorrowedRows], GlobalPosition) async -> Void = { _, _ in }
    ) async throws {
        guard phase == .memory else { return try await flush() }
        try await awaitCommit()
        for memory in rows.memories { _ = memory.takeChanges() }
        let borrowed = rows.memories.map { BorrowedRows($0) }
        let closed = window.close(at: position, .whole(borrowed), .skipped)
        async let other: Void = alongside(borrowed, closed.to)
        try await writer.commit(closed, attaches: isLive)
        committed.store(closed.to.rawValue, ordering: .relaxed)
        await other
        cache?.committed(closed.hotRows, of: generation.number, through: closed.to)
        phase = .settled
        if isLive { becomeReadable() }
    }

    /// The view shows the tables of the live generation: the cache follows it.
    private func becomeReadable() {
        cache?.follow(generation.number, of: projection.name, fencingValue: writer.owned.fencingValue)
    }

    /// Folds on to a position and hands the window out, to be written as part of a transaction that the caller holds on
    /// the writer's connection, as the pointing transaction does.
    ///
    /// - Parameter limit: how long folding may take.
    /// - Throws: ``EngineError/Code/outpaced`` when it takes longer.
    func finalWindow(
        from source: (any EventSource)?,
        through end: GlobalPosition,
        within limit: Duration
    ) async throws -> CommitWindow {
        precondition(phase == .settled, "only a settled generation is pointed at")
        isPointing = true
        defer { isPointing = false }
        let deadline = ContinuousClock.now + limit
        try await source?.read(after: position, through: end) { block in
            try await self.take(FeedBlock(block, mark: end), moreIsWaiting: true)
            if ContinuousClock.now > deadline, block.through < end {
                throw EngineError.outpaced(self.projection.name, limit)
            }
        }
        let (encoded, hotRows) = encodeChanges()
        return window.close(at: position, encoded, hotRows)
    }
}
