/// The object identifiers of PostgreSQL's built-in types, from `pg_type.dat`; they never change.
enum TypeOID {
    static let unspecified: UInt32 = 0
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let char: UInt32 = 18
    static let name: UInt32 = 19
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let text: UInt32 = 25
    static let oid: UInt32 = 26
    static let json: UInt32 = 114
    static let xml: UInt32 = 142
    static let float4: UInt32 = 700
    static let float8: UInt32 = 701
    static let unknown: UInt32 = 705
    static let textArray: UInt32 = 1009
    static let int8Array: UInt32 = 1016
    static let bpchar: UInt32 = 1042
    static let varchar: UInt32 = 1043
    static let timestamp: UInt32 = 1114
    static let timestamptz: UInt32 = 1184
    static let timestamptzArray: UInt32 = 1185
    static let uuid: UInt32 = 2950
    static let uuidArray: UInt32 = 2951
    static let jsonb: UInt32 = 3802

    /// Types above this were created in the database: enums, extensions' types.
    static let firstUserDefined: UInt32 = 16384

    /// The type's name for messages, or its number when it has no name here.
    static func describe(_ oid: UInt32) -> String {
        names[oid] ?? "the type with OID \(oid)"
    }

    private static let names: [UInt32: String] = [
        bool: "boolean", bytea: "bytea", char: "\"char\"", name: "name", int8: "bigint", int2: "smallint",
        int4: "integer", text: "text", oid: "oid", json: "json", xml: "xml", float4: "real",
        float8: "double precision", unknown: "unknown", textArray: "text[]", int8Array: "bigint[]", bpchar: "character",
        varchar: "character varying", timestamp: "timestamp", timestamptz: "timestamptz",
        timestamptzArray: "timestamptz[]", uuid: "uuid", uuidArray: "uuid[]", jsonb: "jsonb", 1700: "numeric",
        1082: "date", 1083: "time", 1186: "interval", 1007: "integer[]", 3220: "pg_lsn", 869: "inet", 28: "xid",
        5069: "xid8", 2205: "regclass", 2278: "void",
    ]
}
