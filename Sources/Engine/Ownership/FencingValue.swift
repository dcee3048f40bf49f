/// The number that a commit to a generation must know: random, changed whenever the generation changes hands or the
/// pointer moves, and known to the present owner alone.
///
/// It goes with the checkpoint's compare-and-set in PostgreSQL, and into the owner's key in Redis.
package struct FencingValue: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number that `refold.checkpoints` has for it.
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }

    package init(_ rawValue: Int64) { self.rawValue = rawValue }

    package var description: String { String(rawValue) }
}

extension FencingValue: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) { rawValue = value }
}
