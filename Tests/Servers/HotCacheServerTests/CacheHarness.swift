import Engine
import HotCache
import Logging
import Postgres
import Redis
import Refold
import TestProjections
import TestSupport

/// A generation of ``Shelf`` that a test folds and commits by hand, as its owner, and a cache that follows it.
///
/// What the cache should hold is asked of PostgreSQL with statements of its own.
actor CacheHarness {
    nonisolated let database: TestDatabase
    nonisolated let server: PrivateRedisServer
    nonisolated let settings: HotSetSettings
    nonisolated let cache: RedisCache
    nonisolated let writer: RedisCacheWriter
    nonisolated let generation: GenerationNumber
    nonisolated let fencingValue: FencingValue
    let connection: PostgresConnection
    private let redisTimeouts = RedisTimeouts(command: .seconds(10))
    private let projection = Shelf()
    private let rows: Rows
    private let encoder: HotRowEncoder
    private(set) var position: Int64
    /// What a ranking by time has come by so far.
    var timesSeen = TimesSeen()

    static let prefix = "test[*]"

    /// Lends a first generation, live, at position 0, and a Redis server of its own. Nothing follows it yet.
    static func with(
        _ settings: HotSetSettings,
        arguments: [String] = [],
        limits: CacheLimits = CacheLimits(),
        _ body: @Sendable (CacheHarness) async throws -> Void
    ) async throws {
        try await PrivateRedisServer.withServer(arguments: arguments) { server in
            try await TestDatabase.with { database in
                var engine = EngineSettings()
                engine.databaseURL = database.url
                try await Engine(engine, projections: [Shelf()], logger: Logger(label: "test")).migrate()
                let shelf = try await CacheHarness(database, server, settings, limits: limits)
                try await shelf.point()
                try await body(shelf)
                await shelf.writer.close()
            }
        }
    }

    /// Lends it with its cache running and warmed.
    static func following(
        _ settings: HotSetSettings,
        arguments: [String] = [],
        limits: CacheLimits = CacheLimits(),
        _ body: @Sendable (CacheHarness) async throws -> Void
    ) async throws {
        try await with(settings, arguments: arguments, limits: limits) { shelf in
            shelf.follow()
            try await shelf.whileRunning {
                try await shelf.waitUntilRight("the first warming")
                try await body(shelf)
            }
        }
    }

    /// A new generation of the same database and server, with a cache of its own, as another process would have it.
    init(
        _ database: TestDatabase,
        _ server: PrivateRedisServer,
        _ settings: HotSetSettings,
        limits: CacheLimits = CacheLimits(),
        generation: GenerationNumber? = nil
    ) async throws {
        self.database = database
        self.server = server
        self.settings = settings
        connection = try await database.connect()
        rows = Rows(projection.model, isComplete: true)
        encoder = HotRowEncoder(try HotSet(settings, of: projection)!)
        cache = try RedisCache(
            CacheSettings(url: server.urlText, prefix: Self.prefix, timeout: .milliseconds(300)),
            hotSets: ["shelf": settings],
            of: [projection],
            limits: limits,
            logger: Logger(label: "cache") { _ in SwiftLogNoOpLogHandler() }
        )
        writer = RedisCacheWriter(cache) {
            try await database.connect(PostgresOptions(applicationName: "cache"))
        }
        let acquired = try await Self.acquire(generation, on: connection)
        (self.generation, fencingValue, position) = acquired
    }

    private static func acquire(
        _ generation: GenerationNumber?,
        on connection: PostgresConnection
    ) async throws -> (GenerationNumber, FencingValue, Int64) {
        if generation == nil {
            try await connection.executeScript(
                """
                DO $$
                DECLARE
                    g bigint := nextval('refold.generation_numbers');
                    parent text := (SELECT relname FROM pg_class WHERE relnamespace = 'refold_data'::regnamespace
                                    AND relkind = 'p' AND relname ~ '^shelf_[0-9a-f]+$');
                BEGIN
                    INSERT INTO refold.generations (generation, projection, version, identity, state, phase)
                    VALUES (g, 'shelf', 1, '', 'building', 'settled');
                    INSERT INTO refold.checkpoints (generation) VALUES (g);
                    EXECUTE format('CREATE TABLE refold_data.shelf_g%s (LIKE refold_data.%I, PRIMARY KEY (id))', g, parent);
                END $$
                """
            )
        }
        let row = try await connection.query(
            """
            UPDATE refold.checkpoints SET fencing_value = $2
             WHERE generation = coalesce($1, (SELECT max(generation) FROM refold.generations))
            RETURNING generation, fencing_value, position
            """,
            // Any number but zero, in no order.
            [generation.map { .int64($0.rawValue) } ?? .null, .int64(.random(in: Int64.min...Int64.max - 1_000) | 1)]
        )
        return (
            GenerationNumber(try row.int64(0, 0)), FencingValue(try row.int64(0, 1)), try row.int64(0, 2)
        )
    }

    // MARK: Folding

    nonisolated func follow() { writer.follow(generation, of: "shelf", fencingValue: fencingValue) }

    nonisolated func whileRunning(_ body: @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.writer.run() }
            do {
                try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
        }
    }

    /// Folds changes as one window, commits it and tells the cache.
    func commit(_ changes: [ShelfChange], isTold: Bool = true) async throws {
        rows.beginPass()
        for change in changes {
            position += 1
            guard case .applied = rows.apply(change.event(at: position), with: projection) else {
                throw Failure(description: "an event was refused")
            }
        }
        rows.acceptPass()
        let changed = rows.memories.map { $0.takeChanges() }
        let hot = isTold ? writer.encode(changed, of: generation) : .none
        try await write(encoder.encode(changed[1]).texts)
        try await noteTimes()
        if isTold { writer.committed(hot, of: generation, through: GlobalPosition(position)) }
    }

    func commit(_ changes: ShelfChange...) async throws { try await commit(changes) }

    /// Tells the cache of changes that are in no table.
    func tell(_ changes: ShelfChange..., at position: Int64) async throws {
        let rows = Rows(projection.model, isComplete: true)
        rows.beginPass()
        for change in changes { _ = rows.apply(change.event(at: position), with: projection) }
        rows.acceptPass()
        let changed = rows.memories.map { $0.takeChanges() }
        writer.committed(writer.encode(changed, of: generation), of: generation, through: GlobalPosition(position))
    }

    /// Sends the rows in memory ahead, as a rebuild does while it writes them out.
    func preload() async throws {
        let result = await writer.preload(
            "shelf",
            generation: generation,
            fencingValue: fencingValue,
            from: rows.memories.map { BorrowedRows($0) },
            at: GlobalPosition(position)
        )
        guard result == .sent else { throw Failure(description: "the rows were not sent: \(result)") }
    }

    private func write(_ texts: [(key: String, json: String?)]) async throws {
        let (to, generation, fencingValue) = (position, generation, fencingValue)
        let objects = texts.compactMap(\.json).map { $0.dropLast() + ",\"hidden\":7,\"generation\":\(generation)}" }
        let gone = texts.filter { $0.json == nil }.map(\.key)
        let table = "refold_data.shelf_g\(generation)"
        try await connection.transaction { connection in
            try connection.execute(
                """
                INSERT INTO \(table) SELECT r.* FROM jsonb_populate_recordset(NULL::\(table), $1::jsonb) r
                ON CONFLICT (id) DO UPDATE SET genre = excluded.genre, score = excluded.score, seen = excluded.seen,
                   _position = excluded._position
                """,
                [.text("[\(objects.joined(separator: ","))]")]
            )
            try connection.execute("DELETE FROM \(table) WHERE id = ANY ($1)", [.textArray(gone)])
            let moved = try connection.execute(
                "UPDATE refold.checkpoints SET position = $1 WHERE generation = $2 AND fencing_value = $3",
                [.int64(to), .int64(generation.rawValue), .int64(fencingValue.rawValue)]
            )
            guard moved == 1 else { throw Failure(description: "the lease was lost") }
        }
    }

    /// Moves PostgreSQL's pointer here, as a rebuild's last step does.
    func point() async throws {
        try await connection.executeScript(
            """
            BEGIN;
            UPDATE refold.checkpoints SET fencing_value = refold.new_fencing_value()
             WHERE generation = (SELECT live FROM refold.projections WHERE name = 'shelf');
            UPDATE refold.projections SET live = \(generation), revision = revision + 1 WHERE name = 'shelf';
            COMMIT;
            """
        )
    }

    /// Sets the generation back to an older position with other rows, as a promoted standby has it.
    func loseEvents(to position: Int64) async throws {
        self.position = position
        try await connection.executeScript(
            """
            BEGIN;
            UPDATE \(table) SET score = -score, _position = least(_position, \(position));
            UPDATE refold.checkpoints SET position = \(position) WHERE generation = \(generation);
            COMMIT;
            """
        )
    }

    /// The same generation, taken over by another process.
    ///
    /// - Parameter settings: those of the other process; nil for the same.
    nonisolated func takenOver(_ settings: HotSetSettings? = nil) async throws -> CacheHarness {
        try await CacheHarness(database, server, settings ?? self.settings, generation: generation)
    }

    // MARK: Looking

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    func waitUntilRight(_ purpose: String, isExact: Bool = true) async throws {
        var found: String?
        do {
            try await wait(for: "the cache to be right after \(purpose)") {
                found = try await self.discrepancy(isExact: isExact)
                return found == nil
            }
        } catch let error as DeadlineExceeded {
            throw Failure(description: "\(error): \(found ?? "")")
        }
    }

    /// What is wrong in the cache; nil when nothing is.
    ///
    /// - Parameter isExact: the hot rows are all there, rather than only those that are there right.
    func discrepancy(isExact: Bool = true) async throws -> String? {
        let redis = try await server.connect(timeouts: redisTimeouts)
        do {
            let found = try await discrepancy(isExact, redis)
            await redis.close()
            return found
        } catch {
            await redis.close()
            throw error
        }
    }

    private func discrepancy(_ isExact: Bool, _ redis: RedisConnection) async throws -> String? {
        let base = "\(Self.prefix):shelf:\(generation):"
        let live = try await redis.send("GET", .text("\(Self.prefix):shelf:live")).integerValue
        if live != generation.rawValue { return "live is \(live ?? -1), not \(generation)" }
        let through = try await redis.send("GET", .text(base + "through")).integerValue
        if through != position { return "through is \(through ?? -1), not \(position)" }

        // Every key of the server, since a pattern would have to quote the prefix.
        let all = try await redis.send("KEYS", "*").elements?.compactMap(\.text) ?? []
        let cached = all.filter { $0.hasPrefix(base + "row:") }.map { String($0.dropFirst(base.count + 4)) }
        let hot = try await ids(hotSQL)
        let missing = Set(hot).subtracting(cached), extra = Set(cached).subtracting(hot)
        if isExact && !(missing.isEmpty && extra.isEmpty) { return "missing rows \(missing), extra rows \(extra)" }
        if cached.count > settings.limit { return "\(cached.count) rows" }
        if let wrong = try await wrongRow(cached.map { base + "row:" + $0 }, redis) { return wrong }

        guard let ranking = settings.ranking else { return nil }
        if ranking.within != nil { return try await wrongTimes(ranking, all, redis) }
        if let wrong = try await wrongRanking(base + "top", group: nil, ranking, redis) { return wrong }
        guard ranking.group != nil else { return nil }
        let groups = try await ids("SELECT DISTINCT genre FROM \(table) WHERE score IS NOT NULL AND genre IS NOT NULL")
        let sets = all.filter { $0.hasPrefix(base + "genre:") }.map { String($0.dropFirst(base.count + 6)) }
        if Set(groups) != Set(sets) { return "the groups are \(sets.sorted()), not \(groups.sorted())" }
        for group in groups {
            if let wrong = try await wrongRanking(base + "genre:" + group, group: group, ranking, redis) {
                return wrong
            }
        }
        return nil
    }

    var table: String { "refold_data.shelf_g\(generation)" }

    private var hotSQL: String {
        let limit = "id COLLATE \"C\" DESC LIMIT \(settings.limit)"
        return switch settings.choice {
        case .none: "SELECT id FROM \(table) LIMIT 0"
        case .all: "SELECT id FROM \(table) ORDER BY _position DESC, \(limit)"
        case .top: "SELECT id FROM \(table) WHERE score IS NOT NULL ORDER BY score DESC, \(limit)"
        case .recent(_, let within):
            """
            SELECT id FROM \(table) WHERE seen >= (SELECT max(seen) FROM \(table))
             - interval '\(within.components.seconds) s' ORDER BY seen DESC, \(limit)
            """
        }
    }

    private func ids(_ sql: String) async throws -> [String] {
        let result = try await connection.query(sql)
        return try (0..<result.count).map { try result.text($0, 0) }
    }

    private func wrongRow(_ keys: [String], _ redis: RedisConnection) async throws -> String? {
        guard !keys.isEmpty else { return nil }
        let objects =
            try await redis.send(RedisCommand("MGET", keys.map { .text($0) })).elements?.compactMap(\.text) ?? []
        let wrong = try await connection.query(
            """
            SELECT r.id, to_jsonb(r)::text, to_jsonb(t)::text FROM jsonb_populate_recordset(NULL::\(table), $1::jsonb) r
              LEFT JOIN \(table) t USING (id)
             WHERE (r.genre, r.score, r.seen, r._position) IS DISTINCT FROM (t.genre, t.score, t.seen, t._position)
            """,
            [.text("[\(objects.joined(separator: ","))]")]
        )
        return wrong.isEmpty ? nil : "a row is wrong: \(try wrong.text(0, 0)): \(try wrong.text(0, 1))"
    }

    private func wrongRanking(
        _ key: String,
        group: String?,
        _ ranking: HotRanking,
        _ redis: RedisConnection
    ) async throws -> String? {
        let cached =
            try await redis.send("ZREVRANGE", .text(key), 0, -1, "WITHSCORES").elements?.compactMap(\.text) ?? []
        let result = try await connection.query(
            """
            SELECT id, score FROM \(table) WHERE score IS NOT NULL AND ($1::text IS NULL OR genre = $1)
             ORDER BY score DESC, id COLLATE "C" DESC LIMIT $2
            """,
            [group.map { .text($0) } ?? .null, .int64(Int64(ranking.best))]
        )
        let right = try (0..<result.count).map { (try result.text($0, 0), try result.double($0, 1)) }
        let found = stride(from: 0, to: cached.count, by: 2).map { (cached[$0], Double(cached[$0 + 1]) ?? .nan) }
        return found.elementsEqual(right, by: ==) ? nil : "\(key) is \(found), not \(right)"
    }

    /// A row's bytes as they lie in the cache.
    func cachedJSON(_ id: String) async throws -> String? {
        let redis = try await server.connect()
        let row = try await redis.send("GET", .text("\(Self.prefix):shelf:\(generation):row:\(id)")).text
        await redis.close()
        return row
    }

    /// Sends one command to the server.
    @discardableResult
    nonisolated func redis(_ name: StaticString, _ arguments: String...) async throws -> RedisReply {
        let redis = try await server.connect(timeouts: RedisTimeouts(command: .seconds(10)))
        let reply = try await redis.send(RedisCommand(name, arguments.map { .text($0) }))
        await redis.close()
        return reply
    }

    /// The name of a key of this generation.
    nonisolated func key(_ name: String) -> String { "\(Self.prefix):shelf:\(generation):\(name)" }
}
