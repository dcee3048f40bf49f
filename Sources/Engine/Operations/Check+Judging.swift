package import EventStore
internal import Refold

/// How the doctor judges what was found; no server is asked here.
extension Check {
    /// - Parameter version: as `server_version_num` has it.
    package static func server(version: Int, address: String) -> Check {
        .passed("PostgreSQL", "version \(version / 10_000).\(version % 10_000) at \(address)")
    }

    /// Whether sessions are the server's own.
    package static func pooler(isPooled: Bool) -> Check {
        guard isPooled else { return .passed("pooler", "none: the sessions are the server's own") }
        let found = "there is one: settings go with each transaction, and no statement is prepared"
        return .warning("pooler", found, remedy: "name the server itself in database.url: each statement costs less")
    }

    /// Whether the server takes as many sessions as are needed.
    package static func connections(all: Int64, free: Int64, needed: Int64) -> Check {
        let found = "\(max(0, free)) of max_connections = \(all) are free; a daemon and a rebuild take up to \(needed)"
        if free >= needed { return .passed("connections", found) }
        return .warning("connections", found, remedy: "raise max_connections")
    }

    static func store(_ store: ValidatedStore) -> Check {
        let sequence = "\(store.sequence.schema).\(store.sequence.name)"
        let table = "\(store.settings.schema).\(store.settings.eventsTable)"
        return .passed(
            "event store",
            "\(table), payloads \(store.payloadFormat.rawValue), positions from \(sequence)"
        )
    }

    /// Whether the live generations were folded by the projections as they are now.
    package static func identity(of generations: [GenerationStatus]) -> Check {
        let other = generations.filter { $0.role == .live && !$0.isCurrent }
        guard let first = other.first else {
            return .passed("identity", "live generations were folded by these versions and settings")
        }
        let names = other.map(\.projection.rawValue).joined(separator: " ")
        let error = EngineError(
            .identityDiffers,
            projection: first.projection,
            "other versions or settings folded the live generations of \(names)",
            remedy: "run \(Program.name) rebuild \(names)"
        )
        return .failed("identity", error, remedy: error.remedy)
    }

    /// Whether what was emitted gets into the log.
    package static func outbox(_ outbox: OutboxStatus) -> Check {
        let found = "\(outbox.waiting) emitted events wait to be appended"
        guard let cause = outbox.cause else { return .passed("outbox", found) }
        let remedy = "see to that; a running \(Program.name) tail appends them then"
        return .warning("outbox", "\(found): \(cause)", remedy: remedy)
    }

    /// One for each projection that is stopped, or one that says that none is.
    package static func projections(_ projections: [ProjectionStatus]) -> [Check] {
        let stopped = projections.filter { $0.state == .stopped }.map { projection in
            let error = EngineError(
                .stopped,
                projection: projection.name,
                "\(projection.name) is stopped: \(projection.cause ?? "")",
                remedy: "correct the projection and rebuild it, or set its policy to skip"
            )
            return Check.failed("projections", error, remedy: error.remedy)
        }
        return stopped.isEmpty ? [.passed("projections", "none is stopped")] : stopped
    }

    /// Whether a transaction holds the high-water mark back.
    package static func mark(heldBy hold: BlockingTransaction.Details?) -> Check {
        guard let hold else { return .passed("high-water mark", "nobody holds it for long") }
        return .warning(
            "high-water mark",
            "\(hold.name) holds it before position \(hold.position)",
            remedy: "end that transaction if it will not end by itself"
        )
    }

    /// Whether events were set aside.
    package static func deadLetters(of projections: [ProjectionStatus]) -> Check {
        let letters = projections.filter { $0.deadLetters > 0 }.map { "\($0.name) \($0.deadLetters)" }
        guard !letters.isEmpty else { return .passed("dead letters", "none") }
        return .warning(
            "dead letters",
            letters.joined(separator: ", "),
            remedy: "look into refold.dead_letters, correct the projection and rebuild it"
        )
    }

    /// Whether generations are left that were to be dropped.
    package static func retired(_ generations: [GenerationStatus]) -> Check {
        let retired = generations.filter { $0.role == .retired }
        guard !retired.isEmpty else { return .passed("retired generations", "none is left") }
        let obstacles = retired.compactMap { generation in
            generation.obstacle.map { "\(generation.projection) generation \(generation.generation): \($0)" }
        }
        guard obstacles.isEmpty else {
            return .warning(
                "retired generations",
                obstacles.joined(separator: "; "),
                remedy: "let them read the views in read_models instead; the next rebuild drops the generations"
            )
        }
        let numbers = retired.map { "\($0.generation)" }.joined(separator: ", ")
        return .warning(
            "retired generations",
            "\(numbers) could not be dropped yet: someone may still see them",
            remedy: "end transactions that were open at the last switch; the next rebuild drops them"
        )
    }

    /// Whether the disk has room for another generation of everything: a rebuild of all projections takes as much as the live
    /// generations do.
    ///
    /// - Parameter freeBytes: nil when that cannot be told.
    package static func disk(for generations: [GenerationStatus], freeBytes: Int64?) -> Check {
        func bytes(_ role: GenerationStatus.Role) -> Int64 {
            generations.reduce(0) { $1.role == role ? $0 + $1.bytes : $0 }
        }
        func mebibytes(_ bytes: Int64) -> String { "\(bytes >> 20) MiB" }
        let held = generations.reduce(0) { $0 + $1.bytes }
        let needed = max(0, bytes(.live) - bytes(.building))
        let sizes = "generations take \(mebibytes(held)); a rebuild takes \(mebibytes(needed)) more until it ends"
        guard let freeBytes else {
            return .warning("disk", "\(sizes); free space cannot be seen from here", remedy: "look on the server")
        }
        let found = "\(sizes); \(mebibytes(freeBytes)) are free"
        // Twice: the write-ahead log takes about as much again.
        if freeBytes > 2 * needed { return .passed("disk", found) }
        return .warning("disk", found, remedy: "make room, or drop what refold keeps for rollback")
    }

    /// Whether Redis is fit to be the cache.
    package static func cache(_ check: CacheCheck) -> Check {
        if let (problem, remedy) = check.problems.first {
            return .failed("Redis", EngineError(.setting, problem, remedy: remedy), remedy: remedy)
        }
        return .passed("Redis", "version \(check.version), maxmemory-policy \(check.policy)")
    }
}
