/// The name of a payload's field.
///
///     static let userID: FieldName = "user_id"
public struct FieldName: ExpressibleByStringLiteral, CustomStringConvertible, @unchecked Sendable {
    // `@unchecked Sendable`: the pointer is a literal's, whose bytes live as long as the program and never change.
    @usableFromInline let start: UnsafePointer<UInt8>
    @usableFromInline let count: Int

    /// The name written in code.
    ///
    /// Inlined, so that a `static let` is initialised by the compiler and needs no check on first use.
    @inlinable
    public init(stringLiteral value: StaticString) {
        precondition(value.hasPointerRepresentation, "a field's name is a string literal")
        start = value.utf8Start
        count = value.utf8CodeUnitCount
    }

    /// The name as the payload has it.
    public var description: String {
        String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
