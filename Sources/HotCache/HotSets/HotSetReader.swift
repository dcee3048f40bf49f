internal import Engine
internal import Postgres
internal import Refold

/// Reads a generation's hot rows from its tables, in the form of the cache.
struct HotSetReader: Sendable {
    let hotSet: HotSet
    let encoder: HotRowEncoder
    let generation: GenerationNumber

    init(_ hotSet: HotSet, generation: GenerationNumber) {
        self.hotSet = hotSet
        self.generation = generation
        encoder = HotRowEncoder(hotSet)
    }

    /// Rows that are read before they are handed on, unless they are large.
    static let piece = 2000
    static let bytesPerPiece = 1 << 20

    var table: GenerationTable { GenerationTable(hotSet.definition, generation: generation) }
    private var from: String { "SELECT \(table.readList) FROM \(table.quotedName) t" }
    /// What a ranking needs of a row: key, score and group, and whether it is in a set.
    private var rankedList: String { table.readList { $0 == hotSet.ranking?.group || $0 == hotSet.ranking?.unless } }
    var fromRanked: String { "SELECT \(rankedList) FROM \(table.quotedName) t" }

    func column(_ index: Int) -> String { "t." + quoteIdentifier(hotSet.definition.columns[index].name) }

    /// Greatest value first, as the cache's sorted sets have it: of equal ones the last by the bytes of the key.
    func descending(_ value: String) -> String {
        let key = hotSet.definition.key.map { "t.\(quoteIdentifier($0.name))::text COLLATE \"C\" DESC" }
        return " ORDER BY \(value) DESC, \(key.joined(separator: ", "))"
    }

    /// Rows that have a number in the column.
    private func counts(_ index: Int) -> String {
        let isNumber = hotSet.definition.columns[index].type == .double ? " AND \(column(index)) <> 'NaN'" : ""
        return " WHERE \(column(index)) IS NOT NULL" + isNumber
    }

    /// Rows that have a place in a ranking.
    func counts(_ ranking: HotSet.Ranking) -> String {
        counts(ranking.score) + (ranking.unless.map { " AND \(column($0)) IS NULL" } ?? "")
    }

    /// Longer than from the first time of the server until today, in microseconds.
    private static let longest: Double = 1e18

    private var hotSQL: String {
        let limit = " LIMIT \(hotSet.settings.limit)"
        guard let order = hotSet.order else { return from + descending("t._position") + limit }
        var condition = counts(order)
        if let within = hotSet.within {
            // The cache's clock, so that reading and writing agree.
            let now = "to_timestamp(\((HotSet.now + HotSet.epoch) / 1_000_000))"
            let newest = """
                SELECT CASE WHEN max(\(column(order))) > \(now) + interval '1 day' THEN \(now) \
                ELSE max(\(column(order))) END AS newest FROM \(table.quotedName) t
                """
            // No time is before the first that the server knows, and none counts that is farther back than that.
            let first = "timestamptz '4714-11-24 00:00:00+00 BC'"
            let span = "make_interval(secs => \(min(within, Self.longest) / 1_000_000))"
            condition += """
                 AND \(column(order)) >= (SELECT least(n.newest, greatest(n.newest, \(first) + \(span)) - \(span)) \
                FROM (\(newest)) n)
                """
        }
        return from + condition + descending(column(order)) + limit
    }

    /// Rows that have a place in a group's set, if the group has one.
    private func countsInGroup(_ ranking: HotSet.Ranking, _ group: Int) -> String {
        counts(ranking) + " AND octet_length(\(column(group))) <= \(HotSet.longestGroup)"
    }

    /// The best of each of the largest groups, group after group. The numbering sorts narrow rows only; the few that count
    /// are then fetched by their place.
    private func groupsSQL(_ ranking: HotSet.Ranking, _ group: Int) -> String {
        let (column, condition) = (column(group), countsInGroup(ranking, group))
        return """
            WITH largest AS MATERIALIZED (SELECT \(column) AS name FROM \(table.quotedName) t\(condition) \
            GROUP BY \(column) ORDER BY count(*) DESC, \(column) COLLATE "C" LIMIT \(ranking.groups)) \
            SELECT \(rankedList) FROM (SELECT t.ctid AS place, row_number() OVER (PARTITION BY \(column)\
            \(descending(self.column(ranking.score)))) AS number FROM \(table.quotedName) t \
            JOIN largest ON largest.name = \(column)\(condition)) r JOIN \(table.quotedName) t ON t.ctid = r.place \
            WHERE r.number <= \(ranking.best) ORDER BY \(column) COLLATE "C"
            """
    }

    // MARK: Reading

    /// Hands on the rows of the hot set piece by piece; the next is read while one is being taken.
    func readHotRows(
        on connection: isolated PostgresConnection,
        _ take: @escaping @Sendable (HotRows) async throws -> Void
    ) async throws -> Int {
        try await read(hotSQL, on: connection, encode: encoder.encode, take)
    }

    /// Hands on the rows that changed behind a position, hot or not.
    func readChanges(
        after position: Int64,
        on connection: isolated PostgresConnection,
        _ take: @escaping @Sendable (HotRows) async throws -> Void
    ) async throws -> Int {
        try await read(from + " WHERE t._position > \(position)", on: connection, encode: encoder.encode, take)
    }

    /// The best rows by score.
    func readTop(_ ranking: HotSet.Ranking, on connection: isolated PostgresConnection) throws -> HotRows {
        let sql = fromRanked + counts(ranking) + descending(column(ranking.score)) + " LIMIT \(ranking.best)"
        return try rows(of: connection.query(sql), encoder.encodeRanked)
    }

    /// Hands on the best rows of the largest groups piece by piece, group after group.
    ///
    /// - Returns: whether there are more groups than have a set.
    func readGroups(
        _ ranking: HotSet.Ranking,
        on connection: isolated PostgresConnection,
        _ take: @escaping @Sendable (HotRows) async throws -> Void
    ) async throws -> Bool {
        guard let group = ranking.group else { return false }
        _ = try await read(groupsSQL(ranking, group), on: connection, encode: encoder.encodeRanked, take)
        let more = try connection.query(
            """
            SELECT count(*) > \(ranking.groups) FROM (SELECT FROM \(table.quotedName) t\
            \(countsInGroup(ranking, group)) GROUP BY \(column(group)) LIMIT \(ranking.groups + 1)) g
            """
        )
        return try more.bool(0, 0)
    }

    /// The best rows of one group.
    ///
    /// - Parameter value: the group's bytes in UTF-8.
    func readGroup(
        _ value: some Sequence<UInt8>,
        _ ranking: HotSet.Ranking,
        on connection: isolated PostgresConnection
    ) throws -> HotRows {
        guard let group = ranking.group else { return .none }
        let condition = counts(ranking) + " AND \(column(group)) = $1"
        let sql = fromRanked + condition + descending(column(ranking.score)) + " LIMIT \(ranking.best)"
        let text = String(decoding: Array(value), as: UTF8.self)
        return try rows(of: connection.query(sql, [.text(text)]), encoder.encodeRanked)
    }

    func read(
        _ sql: String,
        on connection: isolated PostgresConnection,
        encode: ([ChangedRecord]) -> HotRows,
        _ take: @escaping @Sendable (HotRows) async throws -> Void
    ) async throws -> Int {
        try connection.execute("DECLARE hot_rows NO SCROLL CURSOR FOR \(sql)")
        var (count, wanted) = (0, 4)
        var next = try readPiece(wanted, on: connection, encode)
        while !next.rows.isEmpty {
            count += next.rows.count
            let (piece, isLast) = (next, next.rows.count < wanted)
            // Large rows come few at a time: a piece and the next are in memory at once.
            wanted = min(Self.piece, wanted * 4, max(1, Self.bytesPerPiece / max(1, piece.largestRow)))
            async let taken: Void = take(piece)
            next = isLast ? .none : try readPiece(wanted, on: connection, encode)
            try await taken
        }
        try connection.execute("CLOSE hot_rows")
        return count
    }

    private func readPiece(
        _ count: Int,
        on connection: isolated PostgresConnection,
        _ encode: ([ChangedRecord]) -> HotRows
    ) throws -> HotRows {
        try rows(of: connection.query("FETCH \(count) FROM hot_rows"), encode)
    }

    /// The rows go through the memory that folding uses, so that both ways give the same bytes.
    func rows(of result: PostgresResult, _ encode: ([ChangedRecord]) -> HotRows) throws -> HotRows {
        let rows = Rows(hotSet.model, isComplete: false)
        let memory = rows.memories[hotSet.table]
        var decoder = RowDecoder(definition: memory.definition)
        try decoder.keep(result, in: memory)
        memory.markComplete()
        return encode(memory.allRows())
    }
}
