/// A parameter of a statement, with the type the server is told.
///
/// Types are stated, not inferred, except where noted: `WHERE id = $1` with `.text` needs `$1::uuid` when `id` is a uuid.
public enum PostgresValue: Sendable, Hashable {
    /// NULL; the server infers its type.
    case null
    /// boolean
    case bool(Bool)
    /// smallint
    case int16(Int16)
    /// integer
    case int32(Int32)
    /// bigint
    case int64(Int64)
    /// double precision
    case double(Double)
    /// text
    case text(String)
    /// The text of a JSON value. Its type is left to the server, so it fits `json` and `jsonb` alike.
    case json(String)
    /// bytea
    case bytes([UInt8])
    /// timestamptz, in microseconds since 2000-01-01T00:00:00Z, PostgreSQL's own representation; `Int64.max` and
    /// `Int64.min` are its infinities.
    case timestamp(Int64)
    /// uuid, in any spelling that PostgreSQL reads. `uuid(bytes:)` takes the 16 bytes.
    case uuid(String)
    /// text[]
    case textArray([String])
    /// bigint[]
    case int64Array([Int64])
    /// A one-dimensional array whose type is left to the server, from the texts of its elements; nil is NULL.
    case arrayLiteral([String?])
    /// Any type, in its binary send format.
    case binary(type: UInt32, bytes: [UInt8])

    /// uuid, from its 16 bytes in network order.
    public static func uuid(bytes: [UInt8]) -> PostgresValue {
        .binary(type: TypeOID.uuid, bytes: bytes)
    }

    /// uuid[], from the 16 bytes of each, in network order.
    public static func uuidArray(_ values: [[UInt8]]) -> PostgresValue {
        .binary(type: TypeOID.uuidArray, bytes: arrayBytes(of: TypeOID.uuid, values))
    }

    /// timestamptz[], each in microseconds as in ``timestamp(_:)``.
    public static func timestampArray(_ values: [Int64]) -> PostgresValue {
        let elements = values.map { value in withUnsafeBytes(of: value.bigEndian) { Array($0) } }
        return .binary(type: TypeOID.timestamptzArray, bytes: arrayBytes(of: TypeOID.timestamptz, elements))
    }

    private static func arrayBytes(of element: UInt32, _ values: [[UInt8]]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + values.reduce(0) { $0 + 4 + $1.count })
        bytes.appendArrayHeader(count: values.count, element: element)
        for value in values {
            bytes.appendBigEndian(Int32(truncatingIfNeeded: value.count))
            bytes += value
        }
        return bytes
    }

    /// The type stated to the server; 0 leaves it open.
    var typeOID: UInt32 {
        switch self {
        case .null, .json, .arrayLiteral: TypeOID.unspecified
        case .bool: TypeOID.bool
        case .int16: TypeOID.int2
        case .int32: TypeOID.int4
        case .int64: TypeOID.int8
        case .double: TypeOID.float8
        case .text: TypeOID.text
        case .bytes: TypeOID.bytea
        case .timestamp: TypeOID.timestamptz
        case .uuid: TypeOID.uuid
        case .textArray: TypeOID.textArray
        case .int64Array: TypeOID.int8Array
        case .binary(let type, _): type
        }
    }
}

extension PostgresValue {
    /// A number, or NULL.
    public static func optional(_ number: Int64?) -> PostgresValue { number.map { .int64($0) } ?? .null }

    /// A text, or NULL.
    public static func optional(_ text: String?) -> PostgresValue { text.map { .text($0) } ?? .null }
}

/// One statement of a pipeline, with its parameters `$1`, `$2`, …
public struct PostgresStatement: Sendable {
    /// Exactly one SQL statement.
    public var sql: String
    /// The values of `$1`, `$2`, …
    public var parameters: [PostgresValue]

    /// Creates a statement.
    public init(_ sql: String, _ parameters: [PostgresValue] = []) {
        self.sql = sql
        self.parameters = parameters
    }
}

extension PostgresStatement: ExpressibleByStringLiteral {
    /// A statement without parameters.
    public init(stringLiteral value: String) {
        self.init(value)
    }
}
