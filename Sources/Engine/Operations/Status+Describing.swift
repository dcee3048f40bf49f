internal import EventStore
package import Refold

/// How the status describes what was found; no server is asked here.
extension ProjectionStatus {
    /// - Parameters:
    ///   - live: the generation that the pointer leads to.
    ///   - records: the live generation and the unfinished ones, the newest first.
    ///   - identity: of the projection as it is now.
    package init(
        _ name: ProjectionName,
        live: GenerationNumber?,
        _ records: [GenerationRecord],
        identity: GenerationIdentity
    ) {
        self.init(name: name, position: .zero, mark: .zero, state: .empty, deadLetters: 0, cache: .off)
        for record in records {
            if record.number == live {
                describe(live: record, identity)
            } else if building == nil {
                building = BuildingStatus(record)
            }
        }
        if building?.owner != nil, state == .live || state == .empty { state = .rebuilding }
        if cause == nil { cause = building?.waitingFor }
    }

    private mutating func describe(live record: GenerationRecord, _ identity: GenerationIdentity) {
        live = record.number
        // Nobody can read yet what is built in memory, however far it is.
        position = record.isReadable ? record.position : .zero
        if !record.isReadable && building == nil { building = BuildingStatus(record) }
        owner = record.owner
        rate = owner == nil ? nil : record.rate
        deadLetters = record.deadLetters
        lastError = record.lastError
        cause = record.cause
        state = cause != nil ? .stopped : owner != nil ? .tailing : .live
        if cause == nil { cause = record.wait }
        if state != .stopped, identity.match(record.identity) == .other {
            cause = "it was folded by version \(record.version), with other tables or with other settings: rebuild"
        }
    }

    /// The log is not the one that the live generation was folded from.
    mutating func note(_ contradiction: EventStoreError) {
        cause = "\(contradiction.message): \(contradiction.remedy ?? "rebuild it")"
    }

    /// - Parameter lagTime: the age of the oldest event behind the position, as ``lagTime``.
    package mutating func compare(with mark: GlobalPosition, lagTime: Duration?) {
        self.mark = mark
        self.lagTime = lagTime
        if state == .live, cause == nil, lag > 0 {
            cause = "nobody keeps it up with the log: start \(Program.name) tail"
        }
    }

    /// Looked up after the position.
    mutating func note(_ emitter: Emitter?) {
        emittedThrough = emitter?.emittedThrough
        guard let emitter, live != nil, position > emitter.emittedThrough, cause == nil else { return }
        cause =
            "it emits nothing: events after position \(emitter.emittedThrough) were folded without emitting: rebuild"
    }

    mutating func note(_ found: CacheStatus) {
        cache = found.state
        cacheError = found.error
    }
}

extension BuildingStatus {
    fileprivate init(_ record: GenerationRecord) {
        generation = record.number
        position = record.position
        target = record.target
        state = record.state
        phase = record.phase
        owner = record.owner
        rate = owner == nil ? nil : record.rate
        waitingFor = record.wait
    }
}

extension OutboxStatus {
    package init(_ backlog: OutboxBacklog, _ record: AppenderRecord) {
        waiting = backlog.events
        age = backlog.age
        let ownership = record.ownership.flatMap { $0.seemsAlive ? $0 : nil }
        appender = ownership?.owner
        cause =
            if let waitingFor = record.waitingFor, ownership != nil {
                waitingFor
            } else if ownership == nil && waiting > 0 {
                "nobody appends them: start \(Program.name) tail"
            } else {
                nil
            }
    }
}
