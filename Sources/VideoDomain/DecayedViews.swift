internal import Glibc
public import Refold

/// Sums of views that fade with time, as base-2 logarithms.
public enum DecayedViews {
    /// 24 hours.
    public static let defaultHalfLife: Duration = .hours(24)

    /// 2020-01-01T00:00:00Z, the moment at which a view of weight 1 counts 1.
    public static let landmark = Timestamp(microseconds: 631_152_000_000_000)

    /// The logarithm of one view's weight.
    ///
    /// - Parameters:
    ///   - duration: seconds watched; each hour adds 1 to the weight of 1 that a view has.
    ///   - halfLife: in seconds.
    public static func oneView(of duration: Int64, at time: Timestamp, halfLife: Double) -> Double {
        log2(1 + Double(duration) / 3600) + time.seconds(since: landmark) / halfLife
    }

    /// The logarithm of the sum of two weights given by theirs.
    public static func sum(_ left: Double, _ right: Double) -> Double {
        max(left, right) + log2(1 + exp2(-abs(left - right)))
    }
}
