public import Refold

/// The payload of `account.withdrawn`: money was taken from an account.
///
/// Each property reads its field when it is asked for, and refuses a missing one, one of another type or one out of
/// range. Amounts are JSON numbers with exact digits, or texts that hold one.
public struct AccountWithdrawn: Sendable {
    /// Where the properties read.
    public let payload: Payload

    /// Reads nothing yet.
    public init(_ payload: Payload) {
        self.payload = payload
    }

    /// The account.
    public var accountID: Text {
        get throws(EventRefusal) { try payload.text(Self.accountIDField) }
    }

    /// What was taken out, above 0.
    public var amount: ExactDecimal {
        get throws(EventRefusal) { try payload.positiveMoney(Self.amountField) }
    }

    private static let accountIDField: FieldName = "account_id"
    private static let amountField: FieldName = "amount"
}
