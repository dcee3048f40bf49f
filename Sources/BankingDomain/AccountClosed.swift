public import Refold

/// The payload of `account.closed`: a bank account was closed.
///
/// The property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct AccountClosed: Sendable {
    /// Where the property reads.
    public let payload: Payload

    /// Reads nothing yet.
    public init(_ payload: Payload) {
        self.payload = payload
    }

    /// The account.
    public var accountID: Text {
        get throws(EventRefusal) { try payload.text(Self.accountIDField) }
    }

    private static let accountIDField: FieldName = "account_id"
}
