internal import Postgres
package import Refold

/// The parents and views of a projection's tables.
extension TableDefinition {
    /// Columns and types in words, the base of the shape's hash.
    private var shape: String {
        (key.map { "\($0.name) \($0.type.sqlName) key" }
            + columns.map { "\($0.name) \($0.type.sqlName)\($0.isNullable ? " null" : "")" })
            .joined(separator: ",")
    }

    /// The partitioned parent: tables of another shape get a parent of their own.
    package var parentName: String { "\(name)_\(StableHash.hex(shape).suffix(8))" }

    var quotedParent: String { quoteIdentifier("refold_data", parentName) }

    /// The view that readers use.
    var quotedView: String { quoteIdentifier("read_models", name) }

    var createParentSQL: String {
        let keys = key.map { "\(quoteIdentifier($0.name)) \($0.type.sqlName) NOT NULL" }
        let rest = columns.map { column in
            "\(quoteIdentifier(column.name)) \(column.type.sqlName)\(column.isNullable ? "" : " NOT NULL")"
        }
        let all = ["generation bigint NOT NULL"] + keys + rest + ["_position bigint NOT NULL"]
        return """
            CREATE TABLE IF NOT EXISTS \(quotedParent) (
                \(all.joined(separator: ",\n    "))
            ) PARTITION BY LIST (generation)
            """
    }

    /// The contract's columns, the key first.
    var publicColumns: [String] { key.map(\.name) + columns.filter(\.isPublic).map(\.name) }

    /// The view that readers use: the rows of the live generation. The sub-select is evaluated once a query and prunes
    /// every other partition.
    func createViewSQL(of projection: ProjectionName) -> String {
        """
        CREATE OR REPLACE VIEW \(quotedView) AS
        SELECT \(publicColumns.map { quoteIdentifier($0) }.joined(separator: ", "))
          FROM \(quotedParent)
         WHERE generation = (SELECT live FROM refold.projections WHERE name = \(quoteLiteral(projection.rawValue)))
        """
    }
}

/// FNV-1a with 128 bits: the same in every run and on every machine, for names and identities, not against forgery.
package enum StableHash {
    package static func hex(_ text: String) -> String {
        var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        for byte in text.utf8 {
            hash ^= UInt128(byte)
            hash &*= 0x0000_0000_0100_0000_0000_0000_0000_013b
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }
}
