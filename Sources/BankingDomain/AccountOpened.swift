public import Refold

/// The payload of `account.opened` in its version 3: a bank account was opened.
///
/// Each property reads its field when it is asked for, and refuses a missing one, one of another type or one out of
/// range. Amounts are JSON numbers with exact digits, or texts that hold one. `Upcaster.banking` turns older versions
/// into this one.
public struct AccountOpened: Sendable {
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

    /// What was paid in when the account was opened, from 0 on.
    public var initialDeposit: ExactDecimal {
        get throws(EventRefusal) { try payload.money(Self.initialDepositField) }
    }

    /// How far the balance may go below 0, from 0 on.
    public var overdraftLimit: ExactDecimal {
        get throws(EventRefusal) { try payload.money(Self.overdraftLimitField) }
    }

    /// The writer's note of the moment, or nil; rows take the event's own timestamp.
    public var openedAt: Timestamp? {
        get throws(EventRefusal) { try payload.optionalTimestamp(Self.openedAtField) }
    }

    private static let accountIDField: FieldName = "account_id"
    private static let initialDepositField: FieldName = "initial_deposit"
    private static let overdraftLimitField: FieldName = "overdraft_limit"
    private static let openedAtField: FieldName = "opened_at"
}
