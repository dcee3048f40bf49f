internal import EventStore
internal import Postgres
internal import Refold

/// The last step of a rebuild: the new generation takes the live one's place.
struct Switchover {
    let runner: ProjectionRunner
    /// Reads the rest; nil when nothing had to be read so far.
    let source: StoreSource?
    /// The pointer as it was read when the rebuild started.
    let known: Pointer
    /// How many positions behind the live generation the new one may be to fold the rest under the live one's lock.
    let distance: Int64
    /// How long that may take.
    let limit: Duration

    /// Further behind the live generation than this, the new one catches up before it tries.
    private static let distance: Int64 = 1_000
    /// After so many rounds the live generation is locked for what is left.
    private static let rounds = 8

    enum Outcome: Sendable {
        case pointed
        /// Someone moved the pointer meanwhile.
        case moved
        /// The live generation is too far ahead to catch up with under its lock.
        case behind(GlobalPosition)
    }

    /// Catches the generation up with the live one, and points at it.
    ///
    /// Each round is shorter than the one before unless events come faster than they are folded; if that persists, the
    /// live generation's commits wait for the rest, for a limited time.
    ///
    /// - Parameter known: the pointer as it was read when the operation started.
    /// - Throws: ``EngineError/Code/pointerMoved``, ``EngineError/Code/outpaced``.
    static func pointWhenCaughtUp(_ runner: ProjectionRunner, from known: Pointer, _ engine: Engine) async throws {
        let catchUpReader = CatchUpReader(engine: engine)
        defer { catchUpReader.closeSoon() }
        let generation = runner.generation
        if let live = known.live {
            let position = try await position(of: live, toBeReachedBy: generation, on: runner.writer.connection)
            if position > runner.progress.foldedPosition { try await catchUpReader.advance(runner, to: position) }
        }
        for round in 1... {
            let isLast = round > rounds
            let pointing = Switchover(
                runner: runner,
                source: catchUpReader.source,
                known: known,
                distance: isLast ? .max : distance,
                limit: engine.settings.switchoverLimit
            )
            switch try await pointing.attempt(engine) {
            case .pointed: return
            case .moved: throw EngineError.pointerMoved(runner.projection.name)
            case .behind(let live): try await catchUpReader.advance(runner, to: live)
            }
        }
    }

    /// The live generation's position, so that readers do not go back in time; zero when it was folded from another log,
    /// whose positions mean nothing in this one.
    private static func position(
        of live: GenerationNumber,
        toBeReachedBy generation: Generation,
        on connection: PostgresConnection,
        lock: Bool = false
    ) async throws -> GlobalPosition {
        let position = try await CheckpointStore(connection).position(of: live, lock: lock)
        guard let log = generation.log, let other = try await GenerationStore(connection).generation(live)?.log,
            log != other
        else { return position }
        return .zero
    }

    /// One attempt. When the connection is lost in the middle, nobody knows whether it took effect: that is looked up.
    private func attempt(_ engine: Engine) async throws -> Outcome {
        do {
            return try await attempt(store: engine.settings.store)
        } catch let error as PostgresError where error.isTransient {
            if try await engine.hasMoved(known, to: runner.generation, because: error) { return .pointed }
            throw error
        }
    }

    /// One attempt, in one transaction: lock the live generation's checkpoint, so that its owner's next commit waits;
    /// fold the rest up to it; point. Readers take no lock and never go back in time.
    private func attempt(store: EventStoreSettings) async throws -> Outcome {
        let writer = runner.writer
        return try await writer.connection.transaction { connection in
            let pointers = PointerStore(connection)
            let pointer = try await pointers.pointer(of: writer.generation.projection, lock: true)
            guard pointer.revision == known.revision else { return .moved }
            let live =
                if let live = pointer.live {
                    try await Self.position(of: live, toBeReachedBy: writer.generation, on: connection, lock: true)
                } else { GlobalPosition.zero }
            let mine = runner.progress.foldedPosition
            if live.rawValue - mine.rawValue > (source == nil ? 0 : distance) { return .behind(live) }
            let window = try await runner.finalWindow(from: source, through: live, within: limit)
            if !window.isEmpty { try await writer.write(window, on: connection) }
            try await ReadModelViews(connection).show(runner.projection)
            guard
                try await pointers.point(
                    writer.generation.projection,
                    to: writer.generation.number,
                    kept: pointer.live,
                    from: pointer
                )
            else { return .moved }
            try await EmitterStore(connection).enter(
                runner.projection,
                writer.generation.number,
                beginningAfter: runner.progress.foldedPosition
            )
            try await LateEventStore(connection).forgetEvidence(of: store.log)
            return .pointed
        }
    }
}

extension EngineError {
    static func outpaced(_ projection: ProjectionName, _ limit: Duration) -> EngineError {
        EngineError(
            .outpaced,
            projection: projection,
            "events come faster than \(projection) can be folded: its live generation was held for \(limit) and is still ahead",
            remedy: "try again when less is appended, or raise engine.switchover-limit"
        )
    }
}
