/// Draws ranks `0..<count` with weights 1 / (rank + offset): a Zipf–Mandelbrot distribution in constant time.
///
/// An alias table (Vose, "A Linear Algorithm for Generating Random Numbers with a Given Distribution", 1991) needs only
/// additions and divisions of doubles, which give the same bits everywhere; `pow` or `exp` would not.
struct Popularity: Sendable {
    private let thresholds: [UInt32]
    private let aliases: [UInt32]

    /// - Parameters:
    ///   - count: how many ranks there are, at least 1.
    ///   - offset: how flat the head is; 1 is Zipf's law, more gives the first ranks a smaller share.
    init(count: Int, offset: Double) {
        precondition(count > 0 && count <= Int(UInt32.max), "a popularity needs at least one rank")
        var total = 0.0
        for rank in 0..<count { total += 1 / (Double(rank) + offset) }
        var scaled = (0..<count).map { Double(count) / (Double($0) + offset) / total }
        var thresholds = [UInt32](repeating: .max, count: count)
        var aliases = (0..<count).map { UInt32($0) }
        var small = (0..<count).filter { scaled[$0] < 1 }
        var large = (0..<count).filter { scaled[$0] >= 1 }
        while let low = small.popLast(), let high = large.popLast() {
            thresholds[low] = UInt32(scaled[low] * 4_294_967_295)
            aliases[low] = UInt32(high)
            scaled[high] -= 1 - scaled[low]
            if scaled[high] < 1 { small.append(high) } else { large.append(high) }
        }
        self.thresholds = thresholds
        self.aliases = aliases
    }

    func draw(_ random: inout SplitMix64) -> Int {
        let bits = random.next()
        let slot = Int(((bits >> 32) &* UInt64(thresholds.count)) >> 32)
        return UInt32(truncatingIfNeeded: bits) <= thresholds[slot] ? slot : Int(aliases[slot])
    }
}
