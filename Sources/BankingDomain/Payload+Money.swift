internal import Refold

extension Payload {
    /// An amount of money that is not below 0.
    func money(_ field: FieldName) throws(EventRefusal) -> ExactDecimal {
        let amount = try decimal(field)
        guard amount >= 0 else {
            throw EventRefusal(.outOfRange, field: field.description, "expected an amount from 0 on, found one below 0")
        }
        return amount
    }

    /// An amount of money above 0.
    func positiveMoney(_ field: FieldName) throws(EventRefusal) -> ExactDecimal {
        let amount = try decimal(field)
        guard amount > 0 else {
            throw EventRefusal(.outOfRange, field: field.description, "expected an amount above 0, found none above it")
        }
        return amount
    }
}
