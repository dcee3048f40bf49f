/// Why a projection refuses an event.
///
/// Thrown by the accessors of `Payload` and `Event`, and by a projection's own rules. The engine then stops that
/// projection at the event or sets the event aside, by its policy; retrying cannot help. A refusal names the field,
/// what was expected and what was found, and never repeats the payload's content.
public struct EventRefusal: Error, Hashable, Sendable {
    /// The kind of a refusal; new kinds may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The word for it in tables and logs.
        public let description: String

        /// A field that is needed is absent or null.
        public static let missing = Code(description: "missing")
        /// A field has a value of another type, or the payload is not an object.
        public static let wrongType = Code(description: "wrong_type")
        /// A number, text or time is outside the range of the field.
        public static let outOfRange = Code(description: "out_of_range")
        /// A text cannot be stored: it has a NUL or half of a surrogate pair.
        public static let invalidText = Code(description: "invalid_text")
        /// The payload is of a version that cannot be read; see ``Upcasters``.
        public static let version = Code(description: "version")
        /// A result is too large for its column.
        public static let overflow = Code(description: "overflow")
        /// The projection's own rule.
        public static let rejected = Code(description: "rejected")
    }

    /// What kind of refusal it is.
    public let code: Code
    /// The field that was read, where there is one.
    public let field: String?
    /// One clause for people: `expected an integer, found text`.
    public let reason: String

    /// A refusal by a projection's own rule, with code `rejected`.
    public init(_ reason: String) {
        self.init(.rejected, reason)
    }

    /// A refusal of the given kind.
    public init(_ code: Code, field: String? = nil, _ reason: String) {
        self.code = code
        self.field = field
        self.reason = reason
    }
}

extension EventRefusal: CustomStringConvertible {
    /// The reason, with the field before it.
    public var description: String {
        field.map { "\($0): \(reason)" } ?? reason
    }
}
