internal import EventStore
internal import Postgres
internal import Refold

/// The last step of a rebuild: the new generation takes the live one's place.
struct Pointing {
    let runner: ProjectionRunner
    /// Reads the rest; nil when nothing had to be read so far.
    let source: StoreSource?
    /// Where positions come from.
    let sequence: PositionSequence
    /// The pointer as it was read when the rebuild started.
    let known: Pointer

    /// Further behind the live generation than this, the new one folds on before it tries.
    static let distance: Int64 = 1_000

    enum Outcome: Sendable {
        case pointed
        /// Someone moved the pointer meanwhile.
        case moved
        /// The live generation is too far ahead to catch up with under its lock.
        case behind(GlobalPosition)
    }

    /// Folds on until the generation has what the live one has, and points at it.
    ///
    /// - Parameter known: the pointer as it was read when the operation started.
    /// - Throws: ``EngineError/Code/pointerMoved``.
    static func pointWhenCaughtUp(_ runner: ProjectionRunner, from known: Pointer, _ engine: Engine) async throws {
        let catchingUp = CatchingUp(engine: engine)
        defer { catchingUp.closeSoon() }
        let sequence = try await StoreInspection.inspect(runner.writer.connection, engine.settings.store).sequence
        if let live = known.live {
            let position = try await position(of: live, sequence, on: runner.writer.connection)
            if position > runner.foldedPosition { try await catchingUp.advance(runner, to: position) }
        }
        while true {
            let pointing = Pointing(runner: runner, source: catchingUp.source, sequence: sequence, known: known)
            switch try await pointing.attempt() {
            case .pointed: return
            case .moved: throw EngineError.pointerMoved(runner.projection.name)
            case .behind(let live): try await catchingUp.advance(runner, to: live)
            }
        }
    }

    /// One attempt, in one transaction: lock the live generation's checkpoint, so that its owner's next commit waits;
    /// fold the rest up to it; point. Readers, who take no lock, never go back in time.
    func attempt() async throws -> Outcome {
        let writer = runner.writer
        return try await writer.connection.transaction { connection in
            let pointer = try connection.pointer(of: writer.generation.projection, lock: true)
            guard pointer.revision == known.revision else { return .moved }
            let live =
                try pointer.live.map { live in
                    try Self.position(of: live, sequence, on: connection, lock: true)
                } ?? .zero
            let mine = runner.foldedPosition
            if live.rawValue - mine.rawValue > (source == nil ? 0 : Self.distance) { return .behind(live) }
            let window = try await runner.finalWindow(from: source, through: live)
            if !window.isEmpty { try writer.write(window, on: connection) }
            try connection.showTables(of: runner.projection)
            guard
                try connection.point(
                    writer.generation.projection,
                    to: writer.generation.number,
                    kept: pointer.live,
                    from: pointer
                )
            else { return .moved }
            return .pointed
        }
    }

    /// The live generation's position, to be reached; zero when it was folded from more than there is of the log.
    private static func position(
        of live: Int64,
        _ sequence: PositionSequence,
        on connection: isolated PostgresConnection,
        lock: Bool = false
    ) throws -> GlobalPosition {
        let position = try connection.checkpoint(of: live, lock: lock)
        // Looked at afterwards: the log grows, and is never behind what is folded from it.
        let newest = GlobalPosition(try connection.query(sequence.lastValueSQL).int64(0, 0))
        return position <= newest ? position : .zero
    }
}
