package import Refold

/// A range of positions that was passed, and how many events it held then. A gap is a range without events.
package struct PositionRange: Sendable, Hashable {
    /// The position before the range.
    package var after: GlobalPosition
    /// The last position of the range.
    package var through: GlobalPosition
    /// The number of events found in it, from 0 to less than its length.
    package var events: Int64

    /// A range from its bounds, the lower one exclusive.
    package init(after: GlobalPosition, through: GlobalPosition, events: Int64 = 0) {
        self.after = after
        self.through = through
        self.events = events
    }
}

/// The gaps among positions that are passed in order, kept within a bound.
///
/// Gaps are ranges: `setval` can leave one of 10⁹ positions. When there are too many of them, neighbours are joined
/// into ranges that hold a known number of events, because all positions between two neighbouring gaps are taken. A
/// late event is then still found by counting; only its exact place is not known beforehand.
package struct GapLog: Sendable {
    /// How many ranges are kept at most.
    package let limit: Int
    /// The ranges, in order.
    package private(set) var stretches: [PositionRange] = []
    /// The last position passed.
    package private(set) var through: GlobalPosition

    /// - Parameters:
    ///   - after: the position before the first one to be passed.
    ///   - limit: how many ranges to keep, at least 2.
    package init(after: GlobalPosition, limit: Int = 64) {
        through = after
        self.limit = max(2, limit)
    }

    /// Passes everything up to an event, and the event.
    @inline(__always)
    package mutating func pass(_ position: GlobalPosition) {
        if position.rawValue - through.rawValue != 1 {
            append(PositionRange(after: through, through: GlobalPosition(position.rawValue - 1)))
        }
        through = position
    }

    /// Passes everything up to `position`, where no event was found.
    package mutating func pass(emptyThrough position: GlobalPosition) {
        guard position > through else { return }
        append(PositionRange(after: through, through: position))
        through = position
    }

    /// Takes in what a later reader passed, which must begin where this one ends.
    package mutating func pass(_ later: GapLog) {
        precondition(later.stretches.allSatisfy { $0.after >= through }, "stretches are passed in order")
        for stretch in later.stretches { append(stretch) }
        through = max(through, later.through)
    }

    /// Hands over the gaps up to a position, which is an event's or the last one passed, and keeps those behind it.
    package mutating func take(through position: GlobalPosition) -> GapLog {
        var taken = GapLog(after: position, limit: limit)
        let count = stretches.firstIndex { $0.after >= position } ?? stretches.count
        taken.stretches = Array(stretches[..<count])
        stretches.removeSubrange(..<count)
        return taken
    }

    /// Hands over the ranges and continues from the same place.
    package mutating func take() -> [PositionRange] {
        defer { stretches = [] }
        return stretches
    }

    private mutating func append(_ stretch: PositionRange) {
        if let last = stretches.last, last.through == stretch.after, last.events == 0, stretch.events == 0 {
            stretches[stretches.count - 1].through = stretch.through
            return
        }
        stretches.append(stretch)
        if stretches.count > limit { joinNeighbours() }
    }

    /// Joins every two neighbours, so that half as many are left. All joins are equal: which gaps late events appear in
    /// is not known.
    private mutating func joinNeighbours() {
        stretches = stride(from: 0, to: stretches.count, by: 2).map { index in
            let first = stretches[index]
            guard index + 1 < stretches.count else { return first }
            let second = stretches[index + 1]
            let between = second.after.rawValue - first.through.rawValue
            return PositionRange(
                after: first.after,
                through: second.through,
                events: first.events + between + second.events
            )
        }
    }
}
