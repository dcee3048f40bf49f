internal import Refold
public import TestSupport
public import VideoDomain

/// What users do with their accounts.
public struct UserDecision: SimulatedDecision {
    private let kind: Int
    private let words: [String]
    private let time: Timestamp

    /// Any decision.
    public init(using generator: inout SeededGenerator) {
        kind = Int.random(in: 0..<1_000, using: &generator)
        words = (0..<3).map { _ in generator.pick(["free", "gold", "drama", "crime", "naïve \"q\"", "💠"]) }
        time = Timestamp(microseconds: Int64.random(in: 0..<900_000_000_000_000, using: &generator))
    }

    /// Asks for it.
    public func decide(_ user: User) throws -> [UserEvent] {
        switch kind {
        case 0..<333: try user.register(email: words[0], name: words[1], preferences: words, at: time)
        case 333..<666: try user.subscribe(to: words[0], paymentMethod: words[1], at: time)
        case 666..<998: try user.updatePreferences(to: words, at: time)
        default: try user.deactivate(at: time)
        }
    }
}

/// What becomes of titles.
public struct ContentDecision: SimulatedDecision {
    private let kind: Int
    private let word: String
    private let user: String
    private let seconds: Int64
    private let share: Double

    /// Any decision.
    public init(using generator: inout SeededGenerator) {
        kind = Int.random(in: 0..<10, using: &generator)
        word = generator.pick(["drama", "", "naïve \"q\"", "💠"])
        user = generator.pick(["1", "2", "3", "unknown"])
        // Some are out of range.
        seconds = Int64.random(in: -100...10_000, using: &generator)
        share = Double.random(in: -5...105, using: &generator)
    }

    /// Asks for it.
    public func decide(_ content: Content) throws -> [ContentEvent] {
        switch kind {
        case 0..<2: try content.add(title: word, genre: word)
        case 2..<8: try content.watch(by: user, seconds: seconds, completion: share)
        default: try content.rate(by: user, share / 20)
        }
    }
}
