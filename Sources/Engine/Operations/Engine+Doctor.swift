internal import EventStore
internal import Glibc
internal import Postgres
internal import Refold

extension Engine {
    /// Looks at everything that refold needs, and says what to do about what is missing. Changes nothing.
    ///
    /// Never throws: a check that cannot be made counts as failed. What is found is judged in `Check+Judging.swift`.
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
        var checks = [
            Check.server(version: connection.serverVersion, address: connection.address),
            Check.pooler(isPooled: connection.isPooled),
            await connectionsCheck(on: connection),
        ]
        checks += await storeChecks(on: connection)
        do {
            try await requireMigration(on: connection)
            let generations = try await generations(on: connection)
            let status = try await status(on: connection)
            checks.append(.passed("migration", "refold's tables and the pointers of all projections are there"))
            checks.append(.identity(of: generations))
            if let problem = status.store.problem as? EventStoreError, problem.isOfAnotherLog {
                checks.append(.failed("live generations", problem, remedy: "run \(Program.name) rebuild --fresh"))
            }
            checks += Check.projections(status.projections)
            checks.append(.mark(heldBy: status.store.hold))
            checks.append(.deadLetters(of: status.projections))
            if let outbox = status.outbox { checks.append(.outbox(outbox)) }
            checks.append(.retired(generations))
            checks.append(.disk(for: generations, freeBytes: await freeBytes(on: connection)))
        } catch {
            checks.append(.failed("migration", error, remedy: "run \(Program.name) migrate"))
        }
        return checks
    }

    /// What a daemon and a rebuild beside it open, with some to spare for a status.
    private func connectionsCheck(on connection: PostgresConnection) async -> Check {
        do {
            let row = try await connection.query(Self.connectionsSQL)
            return .connections(
                all: try row.int64(0, 0),
                free: try row.int64(0, 1),
                needed: Int64(2 * (projections.count + 6))
            )
        } catch {
            return .failed("connections", error, remedy: "see the server's log")
        }
    }

    private static let connectionsSQL = """
        SELECT current_setting('max_connections')::bigint,
               current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
                   - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
        """

    private func storeChecks(on connection: PostgresConnection) async -> [Check] {
        do {
            let store = try await StoreInspection.inspect(connection, settings.store)
            return [.store(store), await logCheck(store, on: connection)]
        } catch {
            return [.failed("event store", error, remedy: "see the message")]
        }
    }

    private func logCheck(_ store: ValidatedStore, on connection: PostgresConnection) async -> Check {
        do {
            let log = try await LogIdentityStore.verify(connection, store, adopting: false)
            try await StoreInspection.requireSequenceAhead(connection, store)
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
            return .warning("log", error.message, remedy: "run \(Program.name) migrate")
        }
    }

    /// Free space on the disk that has the server's data. PostgreSQL does not report it, so this needs a server on this
    /// machine, and the right to know where its data are; nil otherwise.
    private func freeBytes(on connection: PostgresConnection) async -> Int64? {
        guard connection.address.hasPrefix("/"),
            let found = try? await connection.query("SELECT current_setting('data_directory', true)"),
            let folder = try? found.rows.first?.optionalText(0)
        else { return nil }
        var state = statvfs()
        guard statvfs(folder, &state) == 0 else { return nil }
        return Int64(state.f_bavail) * Int64(state.f_frsize)
    }

    // MARK: Redis

    private func cacheCheck() async -> Check {
        guard let cache else { return .passed("Redis", "no cache is configured; readers use SQL") }
        do {
            return .cache(try await cache.check())
        } catch {
            return .failed("Redis", error, remedy: "start the server, or correct redis.url; readers use SQL meanwhile")
        }
    }
}
