public import Refold

/// What can keep the engine from doing its work.
public struct EngineError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is; more may come.
    public struct Code: Sendable, Hashable {
        let name: String

        /// A live process owns the generation; try again later.
        public static let owned = Code(name: "owned")
        /// The pointer moved while a rebuild was folding; the generation is kept as `ready`.
        public static let pointerMoved = Code(name: "pointerMoved")
        /// A commit was refused: someone else owns the generation now.
        public static let fenced = Code(name: "fenced")
        /// The projection refused an event and its policy is `stop`.
        public static let stopped = Code(name: "stopped")
        /// The live generation was folded by another version or other settings.
        public static let identityDiffers = Code(name: "identityDiffers")
        /// `refold migrate` has not run.
        public static let notMigrated = Code(name: "notMigrated")
        /// No projection has this name.
        public static let unknownProjection = Code(name: "unknownProjection")
        /// A key does not have the form that the projection's table has.
        public static let unknownKey = Code(name: "unknownKey")
        /// Objects of others stand in the way.
        public static let blocked = Code(name: "blocked")
        /// The oldest events that the live generation was folded from are gone.
        public static let shortenedLog = Code(name: "shortenedLog")
        /// The live generation is advanced faster than another one can catch up with it; that one is kept as `ready`.
        public static let outpaced = Code(name: "outpaced")
        /// Events would have been left out: a mistake of refold's own.
        public static let gap = Code(name: "gap")
        /// The bookkeeping is of another version of refold.
        public static let otherSchema = Code(name: "otherSchema")
        /// The live generation is still built in memory, and nothing of it can be read; try again later.
        public static let unsettled = Code(name: "unsettled")
        /// Readers in open transactions use what has to change; try again later.
        public static let locked = Code(name: "locked")
        /// The cache's pointer does not lead to the live generation yet; its next owner moves it, or try again.
        public static let notPointed = Code(name: "notPointed")
        /// A setting cannot be used.
        public static let setting = Code(name: "setting")
        /// One of refold's tables holds a value that no projection wrote.
        public static let unreadableRow = Code(name: "unreadableRow")
        /// No generation of the projection is live yet.
        public static let nothingLive = Code(name: "nothingLive")
        /// No generation of the projection is kept for rollback.
        public static let nothingKept = Code(name: "nothingKept")
        /// A projection reads what follows from what it emits.
        public static let emissionLoop = Code(name: "emissionLoop")
        /// A projection emits events, and the store cannot take them.
        public static let cannotEmit = Code(name: "cannotEmit")
        /// What was emitted cannot be appended to the log at present.
        public static let notAppended = Code(name: "notAppended")
        /// A projection emits from another position, or was folded beyond it.
        public static let emitsAlready = Code(name: "emitsAlready")
    }

    /// What kind of failure it is.
    public let code: Code
    /// The projection concerned, if any.
    public let projection: ProjectionName?
    /// The position concerned, if any.
    public let position: GlobalPosition?
    /// What happened.
    public let message: String
    /// What can be done.
    public let remedy: String

    package init(
        _ code: Code,
        projection: ProjectionName? = nil,
        position: GlobalPosition? = nil,
        _ message: String,
        remedy: String
    ) {
        self.code = code
        self.projection = projection
        self.position = position
        self.message = message
        self.remedy = remedy
    }

    /// The message, then the remedy.
    public var description: String { "\(message) — \(remedy)" }
}

extension EngineError {
    static func gap(_ projection: ProjectionName, after position: GlobalPosition, _ next: GlobalPosition) -> EngineError
    {
        EngineError(
            .gap,
            projection: projection,
            position: position,
            "\(projection) is at \(position) and was given the events after \(next)",
            remedy: "restart refold, and report this as a mistake in it"
        )
    }
}
