internal import Postgres
internal import Refold

/// Reads a generation's hot rows from its tables, in the form of the cache.
struct HotSetReader: Sendable {
    let hotSet: HotSet
    let encoder: HotRowEncoder
    let generation: Int64

    init(_ hotSet: HotSet, generation: Int64) {
        self.hotSet = hotSet
        self.generation = generation
        encoder = HotRowEncoder(hotSet)
    }

    /// Rows that are read before they are handed on.
    static let piece = 2000

    private var table: GenerationTable { GenerationTable(hotSet.definition, generation: generation) }
    private var from: String { "SELECT \(table.readList) FROM \(table.quotedName) t" }

    private func column(_ index: Int) -> String { "t." + quoteIdentifier(hotSet.definition.columns[index].name) }

    /// Greatest value first, as the cache's sorted sets have it: of equal ones the last by the bytes of the key.
    private func descending(_ value: String) -> String {
        let key = hotSet.definition.key.map { "t.\(quoteIdentifier($0.name))::text COLLATE \"C\" DESC" }
        return " ORDER BY \(value) DESC, \(key.joined(separator: ", "))"
    }

    /// Rows that have a number in the column.
    private func counts(_ index: Int) -> String {
        let isNumber = hotSet.definition.columns[index].type == .double ? " AND \(column(index)) <> 'NaN'" : ""
        return " WHERE \(column(index)) IS NOT NULL" + isNumber
    }

    private var hotSQL: String {
        let limit = " LIMIT \(hotSet.settings.limit)"
        guard let order = hotSet.order else { return from + descending("t._position") + limit }
        var condition = counts(order)
        if let within = hotSet.within {
            let newest = "(SELECT max(\(column(order))) FROM \(table.quotedName) t)"
            condition += " AND \(column(order)) >= \(newest) - make_interval(secs => \(within / 1_000_000))"
        }
        return from + condition + descending(column(order)) + limit
    }

    /// The best of each group. The numbering sorts narrow rows only; the few that count are then fetched by their place.
    private func groupsSQL(_ ranking: HotSet.Ranking, _ group: Int) -> String {
        """
        SELECT \(table.readList) FROM (SELECT t.ctid AS place, row_number() OVER (PARTITION BY \(column(group))\
        \(descending(column(ranking.score)))) AS number FROM \(table.quotedName) t\(counts(ranking.score)) \
        AND \(column(group)) IS NOT NULL) r JOIN \(table.quotedName) t ON t.ctid = r.place \
        WHERE r.number <= \(ranking.best)
        """
    }

    // MARK: Reading

    /// Hands on the rows of the hot set piece by piece; the next is read while one is being taken.
    func readHotRows(
        on connection: isolated PostgresConnection,
        _ take: @escaping @Sendable (HotRows) async throws -> Void
    ) async throws -> Int {
        try await read(hotSQL, on: connection, take)
    }

    /// Hands on the rows that changed behind a position, hot or not.
    func readChanges(
        after position: Int64,
        on connection: isolated PostgresConnection,
        _ take: @escaping @Sendable (HotRows) async throws -> Void
    ) async throws -> Int {
        try await read(from + " WHERE t._position > \(position)", on: connection, take)
    }

    /// The best rows by score.
    func readTop(_ ranking: HotSet.Ranking, on connection: isolated PostgresConnection) throws -> HotRows {
        let sql = from + counts(ranking.score) + descending(column(ranking.score)) + " LIMIT \(ranking.best)"
        return try rows(of: connection.query(sql))
    }

    /// The best rows of every group.
    func readGroups(_ ranking: HotSet.Ranking, on connection: isolated PostgresConnection) throws -> HotRows {
        guard let group = ranking.group else { return .none }
        return try rows(of: connection.query(groupsSQL(ranking, group)))
    }

    /// The best rows of one group.
    func readGroup(
        _ value: String,
        _ ranking: HotSet.Ranking,
        on connection: isolated PostgresConnection
    ) throws -> HotRows {
        guard let group = ranking.group else { return .none }
        let condition = counts(ranking.score) + " AND \(column(group)) = $1"
        let sql = from + condition + descending(column(ranking.score)) + " LIMIT \(ranking.best)"
        return try rows(of: connection.query(sql, [.text(value)]))
    }

    private func read(
        _ sql: String,
        on connection: isolated PostgresConnection,
        _ take: @escaping @Sendable (HotRows) async throws -> Void
    ) async throws -> Int {
        try connection.execute("DECLARE hot_rows NO SCROLL CURSOR FOR \(sql)")
        var count = 0
        var next = try readPiece(on: connection)
        while !next.rows.isEmpty {
            count += next.rows.count
            let piece = next
            async let taken: Void = take(piece)
            next = piece.rows.count < Self.piece ? .none : try readPiece(on: connection)
            try await taken
        }
        try connection.execute("CLOSE hot_rows")
        return count
    }

    private func readPiece(on connection: isolated PostgresConnection) throws -> HotRows {
        try rows(of: connection.query("FETCH \(Self.piece) FROM hot_rows"))
    }

    /// The rows go through the memory that folding uses, so that both ways give the same bytes.
    private func rows(of result: PostgresResult) throws -> HotRows {
        let rows = Rows(hotSet.model, isComplete: false)
        let memory = rows.memories[hotSet.table]
        var decoder = RowDecoder(definition: memory.definition)
        try decoder.keep(result, in: memory)
        memory.markComplete()
        return encoder.encode(memory.allRows())
    }
}
