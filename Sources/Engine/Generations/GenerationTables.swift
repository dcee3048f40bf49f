internal import Postgres
package import Refold

/// The names and statements of one table of one generation.
///
/// Readers see the view; it reads the partitioned parent; each generation is a partition. While a generation is built
/// in memory its rows are in a table of versions, without a key, from which an interrupted rebuild resumes.
package struct GenerationTable: Sendable {
    package let definition: TableDefinition
    package let parent: String
    package let name: String
    package let generation: GenerationNumber

    package init(_ definition: TableDefinition, generation: GenerationNumber) {
        self.definition = definition
        self.generation = generation
        parent = definition.parentName
        name = "\(definition.name)_g\(generation)"
    }

    package var quotedName: String { quoteIdentifier("refold_data", name) }
    package var quotedParent: String { quoteIdentifier("refold_data", parent) }
    package var quotedVersions: String { quoteIdentifier("refold_data", name + "_versions") }

    private var keyList: String { definition.key.map { quoteIdentifier($0.name) }.joined(separator: ", ") }

    /// Key, columns, `_position`: what every statement here reads and writes, in this order.
    var columnNames: [String] {
        definition.key.map { quoteIdentifier($0.name) } + definition.columns.map { quoteIdentifier($0.name) }
            + ["_position"]
    }

    var columnList: String { columnNames.joined(separator: ", ") }

    private var columnTypes: [String] {
        definition.key.map(\.type.sqlName) + definition.columns.map(\.type.sqlName) + ["bigint"]
    }

    // MARK: Definition

    /// A stand-alone table that can be attached without a scan: its CHECK says what the partition's bound demands.
    package var createSQL: String {
        """
        CREATE TABLE \(quotedName) (
            LIKE \(quotedParent),
            CONSTRAINT generation CHECK (generation = \(generation))
        );
        ALTER TABLE \(quotedName) ALTER COLUMN generation SET DEFAULT \(generation);
        """
    }

    /// The primary key, and the indexes that the table states; PostgreSQL chooses their names.
    package var addKeySQL: String {
        let indexes = definition.indexes.map { index in
            "CREATE INDEX ON \(quotedName) (\(index.map { quoteIdentifier($0) }.joined(separator: ", ")))"
        }
        return (["ALTER TABLE \(quotedName) ADD PRIMARY KEY (\(keyList))"] + indexes).joined(separator: ";\n")
    }

    /// Statistics that will do until autovacuum's turn, which takes all rows: naming columns leaves the count of changes
    /// as it is. A tenth of the usual sample, and no collections, whose comparison took longer than writing the table;
    /// together that is a sixth of a rebuild of a million events. For tables that readers query; our own look-ups, by key
    /// and with other plans turned off, need none. In a transaction.
    var analyzeSQL: String {
        let columns =
            definition.key.map(\.name) + definition.columns.filter { !$0.type.isCollection }.map(\.name)
        return """
            SET LOCAL default_statistics_target = 10;
            ANALYZE \(quotedName) (\(columns.map { quoteIdentifier($0) }.joined(separator: ", ")))
            """
    }

    package var attachSQL: String {
        "ALTER TABLE \(quotedParent) ATTACH PARTITION \(quotedName) FOR VALUES IN (\(generation))"
    }

    var createVersionsSQL: String {
        """
        CREATE TABLE \(quotedVersions) (LIKE \(quotedParent));
        ALTER TABLE \(quotedVersions) ALTER COLUMN generation SET DEFAULT \(generation),
            ADD COLUMN _deleted boolean NOT NULL;
        """
    }

    var dropVersionsSQL: String { "DROP TABLE IF EXISTS \(quotedVersions)" }

    // MARK: Rows

    var copyInSQL: String { "COPY \(quotedName) (\(columnList)) FROM STDIN (FORMAT binary)" }

    var copyVersionsInSQL: String {
        "COPY \(quotedVersions) (\(columnList), _deleted) FROM STDIN (FORMAT binary)"
    }

    /// Rows come as one array a column. Sorted by the caller, so that neighbours fall on the same index pages.
    package var upsertSQL: String {
        let arrays = columnTypes.enumerated().map { "$\($0 + 1)::\($1)[]" }.joined(separator: ", ")
        let updates = columnNames.dropFirst(definition.key.count).map { "\($0) = excluded.\($0)" }
        return """
            INSERT INTO \(quotedName) (\(columnList)) SELECT * FROM unnest(\(arrays)) \
            ON CONFLICT (\(keyList)) DO UPDATE SET \(updates.joined(separator: ", "))
            """
    }

    package var deleteSQL: String {
        let match = definition.key.enumerated().map { "t.\(quoteIdentifier($1.name)) = k.k\($0)" }
        return "DELETE FROM \(quotedName) t USING \(keyArrays) WHERE \(match.joined(separator: " AND "))"
    }

    /// The rows of given keys, the keys as one array a column.
    package var loadSQL: String {
        let match = definition.key.enumerated().map { "t.\(quoteIdentifier($1.name)) = k.k\($0)" }
        return "SELECT \(readList) FROM \(keyArrays) JOIN \(quotedName) t ON \(match.joined(separator: " AND "))"
    }

    /// The newest version of each row of an interrupted rebuild.
    package var selectNewestSQL: String {
        """
        SELECT \(readList) FROM (SELECT DISTINCT ON (\(keyList)) * FROM \(quotedVersions) \
        ORDER BY \(keyList), _position DESC) t WHERE NOT _deleted
        """
    }

    /// Settles in the database what does not fit in memory.
    var settleVersionsSQL: String {
        """
        INSERT INTO \(quotedName) (\(columnList)) SELECT \(columnList) FROM (SELECT DISTINCT ON (\(keyList)) * \
        FROM \(quotedVersions) ORDER BY \(keyList), _position DESC) t WHERE NOT _deleted
        """
    }

    private var keyArrays: String {
        let arrays = definition.key.enumerated().map { "$\($0 + 1)::\($1.type.sqlName)[]" }
        let names = definition.key.indices.map { "k\($0)" }
        return "unnest(\(arrays.joined(separator: ", "))) AS k (\(names.joined(separator: ", ")))"
    }

    /// Key, columns, `_position`, with lists and sets as `text[]`, whose binary form needs no JSON parser.
    package var readList: String { readList { _ in true } }

    /// The same with nothing in the texts and collections that are not wanted.
    package func readList(_ isWanted: (Int) -> Bool) -> String {
        let columns = definition.columns.enumerated().map { index, column in
            let name = "t." + quoteIdentifier(column.name)
            return switch column.type {
            case .text where !isWanted(index): "''::text"
            case .textList where !isWanted(index), .textSet where !isWanted(index),
                .integerList where !isWanted(index):
                "'{}'::text[]"
            case .numberSet where !isWanted(index): "''::bytea"
            case .textList, .textSet, .integerList:
                // The array of a null's elements would be empty, not null.
                "CASE WHEN \(name) IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(\(name))) END"
            default: name
            }
        }
        return (definition.key.map { "t." + quoteIdentifier($0.name) } + columns + ["t._position"])
            .joined(separator: ", ")
    }
}

extension ColumnType {
    /// Whether a value has members.
    fileprivate var isCollection: Bool {
        switch self {
        case .integer, .double, .boolean, .text, .timestamp, .decimal, .date: false
        case .textList, .textSet, .numberSet, .integerList: true
        }
    }

    /// The PostgreSQL type that holds it.
    var sqlName: String {
        switch self {
        case .integer: "bigint"
        case .double: "double precision"
        case .boolean: "boolean"
        case .text: "text"
        case .timestamp: "timestamptz"
        case .decimal: "numeric"
        case .date: "date"
        case .textList, .textSet, .integerList: "jsonb"
        case .numberSet: "bytea"
        }
    }
}
