internal import CSimdjson

/// The name of a payload's field, with its hash.
///
/// Keep names in `static let`s: the hash is then worked out once, and finding a field compares integers.
///
///     static let userID: FieldName = "user_id"
public struct FieldName: ExpressibleByStringLiteral, CustomStringConvertible, @unchecked Sendable {
    // `@unchecked Sendable`: the pointer is a literal's, whose bytes live as long as the program and never change.
    let start: UnsafePointer<UInt8>
    let count: Int
    let hash: UInt64

    /// The name written in code.
    public init(stringLiteral value: StaticString) {
        precondition(value.hasPointerRepresentation, "a field's name is a string literal")
        start = value.utf8Start
        count = value.utf8CodeUnitCount
        hash = refold_hash(start, count)
    }

    /// The name as the payload has it.
    public var description: String {
        String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
