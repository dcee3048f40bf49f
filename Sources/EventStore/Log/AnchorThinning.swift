internal import Refold

/// Which anchors are kept when the newest moves on: ever fewer the further they are behind it.
///
/// Of three neighbours the middle one goes when the distances of the outer two from the newest differ by less than four
/// times. So those that stay double their distance on average, and log₂ of the log's length is their number.
struct AnchorThinning {
    /// The positions to drop.
    let dropped: [GlobalPosition]

    /// - Parameter positions: all that there are, in any order.
    init(_ positions: [GlobalPosition]) {
        var kept: [Int64] = []
        var dropped: [GlobalPosition] = []
        let ordered = positions.map(\.rawValue).sorted(by: >)
        for (index, position) in ordered.enumerated() {
            guard let newer = kept.last, index + 1 < ordered.count,
                Self.isClose(ordered[0] - newer, ordered[0] - ordered[index + 1])
            else {
                kept.append(position)
                continue
            }
            dropped.append(GlobalPosition(position))
        }
        self.dropped = dropped
    }

    /// Positions are positive, so their distances do not overflow; four times one of them might.
    private static func isClose(_ distance: Int64, _ further: Int64) -> Bool {
        distance > 0 && further / 4 < distance
    }
}
