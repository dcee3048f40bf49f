internal import EventStore
internal import Postgres
internal import Refold

extension Engine {
    /// Looks at everything that refold needs, and says what to do about what is missing. Changes nothing.
    ///
    /// Never throws: what cannot be looked at is a check that failed.
    public func doctor() async -> [Check] {
        var checks: [Check] = []
        do {
            checks += try await withConnection(for: "doctor") { await databaseChecks(on: $0) }
        } catch {
            checks.append(.failed("PostgreSQL", error, remedy: "start the server, or correct database.url"))
        }
        checks.append(await cacheCheck())
        return checks
    }

    // MARK: PostgreSQL

    private func databaseChecks(on connection: PostgresConnection) async -> [Check] {
        let version = connection.serverVersion
        var checks = [
            Check.passed("PostgreSQL", "version \(version / 10_000).\(version % 10_000) at \(connection.address)"),
            poolerCheck(of: connection),
            await connectionsCheck(on: connection),
        ]
        checks += await storeChecks(on: connection)
        do {
            try await requireMigration(on: connection)
            let generations = try await generations(on: connection)
            let status = try await status(on: connection)
            checks.append(.passed("migration", "refold's tables and the pointers of all projections are there"))
            checks.append(identityCheck(generations))
            if let problem = status.store.problem as? EventStoreError, problem.isOfAnotherLog {
                checks.append(.failed("live generations", problem, remedy: "run refold rebuild --fresh"))
            }
            checks += await stateChecks(status)
            checks.append(retiredCheck(generations))
            checks.append(await DiskSpace.check(generations, on: connection))
        } catch {
            checks.append(.failed("migration", error, remedy: "run refold migrate"))
        }
        return checks
    }

    private func poolerCheck(of connection: PostgresConnection) -> Check {
        guard connection.isPooled else { return .passed("pooler", "none: the sessions are the server's own") }
        let found = "one stands between: settings go with each transaction, and no statement is prepared"
        return .warning("pooler", found, remedy: "name the server itself in database.url: each statement costs less")
    }

    /// What a daemon and a rebuild beside it open, with some to spare for a status.
    private func connectionsCheck(on connection: PostgresConnection) async -> Check {
        let needed = Int64(2 * (projections.count + 6))
        do {
            let row = try await connection.query(
                """
                SELECT current_setting('max_connections')::bigint,
                       current_setting('max_connections')::bigint
                           - current_setting('superuser_reserved_connections')::bigint
                           - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
                """
            )
            let (all, free) = (try row.int64(0, 0), try row.int64(0, 1))
            let found =
                "\(max(0, free)) of max_connections = \(all) are free; a daemon and a rebuild take up to \(needed)"
            if free >= needed { return .passed("connections", found) }
            return .warning("connections", found, remedy: "raise max_connections")
        } catch {
            return .failed("connections", error, remedy: "see the server's log")
        }
    }

    private func storeChecks(on connection: PostgresConnection) async -> [Check] {
        let store: ValidatedStore
        do {
            store = try await StoreInspection.inspect(connection, settings.store)
        } catch {
            return [.failed("event store", error, remedy: "see the message")]
        }
        let sequence = "\(store.sequence.schema).\(store.sequence.name)"
        let table = "\(settings.store.schema).\(settings.store.eventsTable)"
        let found = "\(table), payloads \(store.payloadFormat.rawValue), positions from \(sequence)"
        return [.passed("event store", found), await logCheck(store, on: connection)]
    }

    private func logCheck(_ store: ValidatedStore, on connection: PostgresConnection) async -> Check {
        do {
            let log = try await LogIdentityStore.verify(connection, store, adopting: false)
            let late = Set(try await LateEventStore(connection).positionsMissedByLive(in: settings.store.log))
            let found = try await GapRecheck.found(connection, settings.store)
            if let late = found.first(where: { late.contains($0.position) }) {
                return .failed("log", late.error, remedy: "rebuild")
            }
            guard let log, log.mark > .zero else { return .passed("log", "it was not read yet") }
            let known = "the one that was read before, up to position \(log.mark)"
            return .passed("log", ([known] + log.notes).joined(separator: "; "))
        } catch {
            // Nothing was read before there were tables.
            guard let error = error as? EventStoreError else { return .failed("log", error, remedy: "see the message") }
            guard error.code == .database else { return .failed("log", error, remedy: "rebuild all projections") }
            return .warning("log", error.message, remedy: "run refold migrate")
        }
    }

    private func identityCheck(_ generations: [GenerationStatus]) -> Check {
        let other = generations.filter { $0.role == .live && !$0.isCurrent }
        guard let first = other.first else {
            return .passed("identity", "live generations were folded by these versions and settings")
        }
        let names = other.map(\.projection.rawValue).joined(separator: " ")
        let error = EngineError(
            .identityDiffers,
            projection: first.projection,
            "other versions or settings folded the live generations of \(names)",
            remedy: "run refold rebuild \(names)"
        )
        return .failed("identity", error, remedy: error.remedy)
    }

    private func stateChecks(_ status: Status) async -> [Check] {
        var checks: [Check] = []
        for projection in status.projections where projection.state == .stopped {
            let error = EngineError(
                .stopped,
                projection: projection.name,
                "\(projection.name) is stopped: \(projection.cause ?? "")",
                remedy: "correct the projection and rebuild it, or set its policy to skip"
            )
            checks.append(.failed("projections", error, remedy: error.remedy))
        }
        if checks.isEmpty { checks.append(.passed("projections", "none is stopped")) }
        if let hold = status.store.hold {
            checks.append(
                .warning(
                    "high-water mark",
                    "\(hold.name) holds it before position \(hold.position)",
                    remedy: "end that transaction if it will not end by itself"
                )
            )
        } else {
            checks.append(.passed("high-water mark", "nobody holds it for long"))
        }
        let letters = status.projections.filter { $0.deadLetters > 0 }.map { "\($0.name) \($0.deadLetters)" }
        checks.append(
            letters.isEmpty
                ? .passed("dead letters", "none")
                : .warning(
                    "dead letters",
                    letters.joined(separator: ", "),
                    remedy: "look into refold.dead_letters, correct the projection and rebuild it"
                )
        )
        return checks
    }

    private func retiredCheck(_ generations: [GenerationStatus]) -> Check {
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

    // MARK: Redis

    private func cacheCheck() async -> Check {
        guard let cache else { return .passed("Redis", "no cache is configured; readers use SQL") }
        do {
            let check = try await cache.check()
            if let (problem, remedy) = check.problems.first {
                return .failed("Redis", EngineError(.setting, problem, remedy: remedy), remedy: remedy)
            }
            return .passed("Redis", "version \(check.version), maxmemory-policy \(check.policy)")
        } catch {
            return .failed("Redis", error, remedy: "start the server, or correct redis.url; readers use SQL meanwhile")
        }
    }
}
