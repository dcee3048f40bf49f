/// What the catalogue says about an event store, before it is judged.
package struct StoreCatalog: Sendable {
    package struct Server: Sendable {
        package var version: Int
        package var isInRecovery: Bool
        package var run: ServerRun
        package var systemIdentifier: Int64?
        package var timeline: Int64
        package var database: UInt32
        package var role: String
        /// The database's encoding.
        package var encoding: String

        package init(
            version: Int,
            isInRecovery: Bool,
            run: ServerRun,
            systemIdentifier: Int64? = nil,
            timeline: Int64 = 1,
            database: UInt32 = 0,
            role: String = "",
            encoding: String = "UTF8"
        ) {
            self.version = version
            self.isInRecovery = isInRecovery
            self.run = run
            self.systemIdentifier = systemIdentifier
            self.timeline = timeline
            self.database = database
            self.role = role
            self.encoding = encoding
        }
    }

    package struct Table: Sendable {
        package var oid: UInt32
        /// `pg_class.relkind`: r for a table, p for a partitioned one.
        package var kind: String
        package var hidesRows: Bool
        package var hasPositionIndex: Bool
        package var holdsPositionBelowOne: Bool
        package var subscription: String?

        package init(
            oid: UInt32,
            kind: String,
            hidesRows: Bool = false,
            hasPositionIndex: Bool = true,
            holdsPositionBelowOne: Bool = false,
            subscription: String? = nil
        ) {
            self.oid = oid
            self.kind = kind
            self.hidesRows = hidesRows
            self.hasPositionIndex = hasPositionIndex
            self.holdsPositionBelowOne = holdsPositionBelowOne
            self.subscription = subscription
        }
    }

    package struct Column: Sendable {
        package var name: String
        /// Without length or precision, as `format_type(oid, NULL)` gives it.
        package var type: String
        /// `pg_attribute.attidentity`: a or d for an identity column, else empty.
        package var identity: String
        package var isGenerated: Bool
        package var isReadable: Bool
        package var defaultExpression: String?

        package init(
            name: String,
            type: String,
            identity: String = "",
            isGenerated: Bool = false,
            isReadable: Bool = true,
            defaultExpression: String? = nil
        ) {
            self.name = name
            self.type = type
            self.identity = identity
            self.isGenerated = isGenerated
            self.isReadable = isReadable
            self.defaultExpression = defaultExpression
        }
    }

    package struct Sequence: Sendable {
        package var oid: UInt32
        package var schema: String
        package var name: String
        package var cache: Int64
        package var increment: Int64
        package var cycles: Bool
        package var isReadable: Bool

        package init(
            oid: UInt32,
            schema: String,
            name: String,
            cache: Int64 = 1,
            increment: Int64 = 1,
            cycles: Bool = false,
            isReadable: Bool = true
        ) {
            self.oid = oid
            self.schema = schema
            self.name = name
            self.cache = cache
            self.increment = increment
            self.cycles = cycles
            self.isReadable = isReadable
        }
    }

    package var server: Server
    package var table: Table?
    package var columns: [Column]
    package var sequences: [Sequence]

    package init(server: Server, table: Table? = nil, columns: [Column] = [], sequences: [Sequence] = []) {
        self.server = server
        self.table = table
        self.columns = columns
        self.sequences = sequences
    }
}
