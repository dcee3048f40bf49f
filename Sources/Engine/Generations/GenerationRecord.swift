internal import EventStore
internal import Postgres
package import Refold

/// Everything stored about a generation, for display: the bookkeeping, the checkpoint and the owner.
package struct GenerationRecord: Sendable {
    package let number: GenerationNumber
    package let version: Int
    package let identity: String
    package let state: GenerationState
    package let phase: GenerationPhase
    /// The head of the log when its rebuild began.
    package var target: GlobalPosition?
    /// Why it is stopped.
    package var cause: String?
    package var lastError: LastError?
    /// Whether readers find its rows when it is live.
    package var isReadable: Bool
    package var position: GlobalPosition
    /// Events a second over the last commit window.
    package var rate: Double?
    /// Its last owner, unless that released it.
    package var ownership: Ownership?
    /// What interrupts the processes that try to advance it, or what their sessions wait for.
    package var ownWait: String?
    /// What the owner's sessions that serve all of its projections wait for.
    package var commonWait: String?
    /// Events that were set aside.
    package var deadLetters: Int64

    package init(
        number: GenerationNumber,
        version: Int = 1,
        identity: String = "",
        state: GenerationState,
        phase: GenerationPhase,
        isReadable: Bool = false,
        position: GlobalPosition = .zero,
        deadLetters: Int64 = 0
    ) {
        self.number = number
        self.version = version
        self.identity = identity
        self.state = state
        self.phase = phase
        self.isReadable = isReadable
        self.position = position
        self.deadLetters = deadLetters
    }

    /// The process that owns it; nil for nobody, and for an owner that is gone.
    var owner: Owner? { ownership.flatMap { $0.seemsAlive ? $0.owner : nil } }

    /// Why it makes no progress at present.
    var wait: String? { ownWait ?? (owner == nil ? nil : commonWait) }
}

extension GenerationRecord {
    /// A row of `GenerationStore.records(of:live:)`.
    init(_ row: PostgresRow) throws {
        self.init(
            number: GenerationNumber(try row.int64("generation")),
            version: Int(try row.int32("version")),
            identity: try row.text("identity"),
            state: try GenerationState(stored: row.text("state")),
            phase: try GenerationPhase(stored: row.text("phase")),
            isReadable: try row.optionalTimestamp("readable_at") != nil,
            position: GlobalPosition(try row.int64("position")),
            deadLetters: try row.int64("dead_letters")
        )
        target = try row.optionalInt64("target").map { GlobalPosition($0) }
        cause = try row.optionalText("cause")
        if let message = try row.optionalText("last_error"), let at = try row.optionalTimestamp("last_error_at") {
            lastError = LastError(message: message, at: Timestamp(microseconds: at))
        }
        rate = try row.optionalDouble("rate")
        if try row.optionalText("lease_id") != nil { ownership = try Ownership(row) }
        ownWait = try row.optionalText("own_wait")
        commonWait = try row.optionalText("common_wait")
    }
}

extension GenerationState {
    /// - Throws: ``EngineError/Code/notMigrated`` for one that a newer refold has written.
    init(stored text: String) throws {
        guard let state = Self(rawValue: text) else { throw EngineError.unknown("state", text) }
        self = state
    }
}

extension GenerationPhase {
    /// - Throws: ``EngineError/Code/notMigrated`` for one that a newer refold has written.
    init(stored text: String) throws {
        guard let phase = Self(rawValue: text) else { throw EngineError.unknown("phase", text) }
        self = phase
    }
}

extension EngineError {
    fileprivate static func unknown(_ column: String, _ text: String) -> EngineError {
        EngineError(
            .notMigrated,
            "refold.generations has the unknown \(column) \(text)",
            remedy: "run the version of refold that wrote it"
        )
    }
}
