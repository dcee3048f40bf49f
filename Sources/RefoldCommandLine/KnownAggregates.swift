internal import AggregateStore
internal import BankingDomain
internal import VideoDomain

/// The aggregates whose states `refold streams show` can tell. Adding one is a line here.
enum KnownAggregates {
    static let all = [KnownAggregate(User.self), KnownAggregate(Content.self), KnownAggregate(BankAccount.self)]
}
