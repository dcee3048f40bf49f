/// A value that a setting or a name cannot have.
public struct InvalidValue: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the value was meant to be, as a word for a message: `batch size`, `projection name`.
    public let subject: String
    /// What was given.
    public let value: String
    /// What is allowed.
    public let expectation: String

    /// States that `value` is no valid `subject`, and what would be.
    public init(_ subject: String, _ value: String, expected expectation: String) {
        self.subject = subject
        self.value = value
        self.expectation = expectation
    }

    /// One sentence for people.
    public var description: String {
        "'\(value)' is not a \(subject): expected \(expectation)"
    }
}
