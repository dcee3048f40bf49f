/// An exact decimal number, for money: a whole number of at most 38 digits, divided by a power of ten.
///
/// A value is `coefficient × 10^−scale` with `|coefficient| < 10^38` and a scale from 0 to 38. It has one
/// representation: the scale is the smallest that keeps every digit, and there is no −0, so `1.10` and `1.1` are the
/// same value and are written the same. Nothing is ever rounded: text or a sum that does not fit is refused. PostgreSQL
/// keeps it as `numeric`.
public struct ExactDecimal: Sendable, Hashable {
    /// The digits as a whole number, its sign the value's; below 10^38 without the sign.
    public let coefficient: Int128
    /// How many of the digits follow the point: 0 to 38, and 0 for whole numbers.
    public let scale: Int

    /// The most digits that a value has, and the most that follow its point.
    public static let maximumDigits = 38

    /// 0.
    public static let zero = ExactDecimal(0)

    /// A whole number.
    public init(_ value: Int64) {
        coefficient = Int128(value)
        scale = 0
    }

    /// `coefficient × 10^−scale`; nil when that does not fit.
    ///
    /// - Parameter scale: may be negative, which adds zeros, or have more digits than are needed.
    public init?(coefficient: Int128, scale: Int) {
        self.init(isNegative: coefficient < 0, magnitude: coefficient.magnitude, scale: scale)
    }

    /// The normal form of a value, or nil when it has none.
    init?(isNegative: Bool, magnitude: UInt128, scale: Int) {
        var (magnitude, scale) = (magnitude, scale)
        if magnitude == 0 {
            self = .zero
            return
        }
        while scale > 0 {
            let (quotient, remainder) = magnitude.quotientAndRemainder(dividingBy: 10)
            if remainder != 0 { break }
            (magnitude, scale) = (quotient, scale - 1)
        }
        while scale < 0 {
            // One digit more must fit: 4 × 10^38 is beyond 128 bits.
            guard magnitude < Self.limit / 10 else { return nil }
            (magnitude, scale) = (magnitude * 10, scale + 1)
        }
        guard magnitude < Self.limit, scale <= Self.maximumDigits else { return nil }
        coefficient = isNegative ? -Int128(magnitude) : Int128(magnitude)
        self.scale = scale
    }

    /// Takes a coefficient and a scale that are in normal form already.
    package init(normalized coefficient: Int128, scale: Int) {
        self.coefficient = coefficient
        self.scale = scale
    }

    /// 10^38, the first magnitude that does not fit.
    static let limit = power(of: maximumDigits)

    /// 10^exponent, up to 10^38.
    static func power(of exponent: Int) -> UInt128 {
        var (power, base, exponent): (UInt128, UInt128, Int) = (1, 10, exponent)
        while true {
            if exponent & 1 == 1 { power *= base }
            exponent >>= 1
            if exponent == 0 { return power }
            base *= base
        }
    }

    /// Whether it is below 0.
    public var isNegative: Bool { coefficient < 0 }

    /// The value with the other sign.
    public var negated: ExactDecimal { ExactDecimal(normalized: -coefficient, scale: scale) }
}

// MARK: Arithmetic

extension ExactDecimal {
    /// The exact sum.
    ///
    /// - Throws: `EventRefusal` with code `overflow` when it has more than 38 digits.
    public func adding(_ other: ExactDecimal) throws(EventRefusal) -> ExactDecimal {
        guard let sum = sum(other) else {
            throw EventRefusal(.overflow, "a sum has more than \(Self.maximumDigits) digits")
        }
        return sum
    }

    /// The exact difference.
    ///
    /// - Throws: `EventRefusal` with code `overflow` when it has more than 38 digits.
    public func subtracting(_ other: ExactDecimal) throws(EventRefusal) -> ExactDecimal {
        guard let difference = sum(other.negated) else {
            throw EventRefusal(.overflow, "a difference has more than \(Self.maximumDigits) digits")
        }
        return difference
    }

    private func sum(_ other: ExactDecimal) -> ExactDecimal? {
        let scale = Swift.max(scale, other.scale)
        // A magnitude that outgrows 128 bits is above 3 × 10^38: no other value could bring the sum back below 10^38.
        guard let left = magnitude(atScale: scale), let right = other.magnitude(atScale: scale) else { return nil }
        if isNegative == other.isNegative {
            let (sum, overflow) = left.addingReportingOverflow(right)
            return overflow ? nil : ExactDecimal(isNegative: isNegative, magnitude: sum, scale: scale)
        }
        return left >= right
            ? ExactDecimal(isNegative: isNegative, magnitude: left - right, scale: scale)
            : ExactDecimal(isNegative: other.isNegative, magnitude: right - left, scale: scale)
    }

    /// The digits with so many behind the point, without the sign; nil beyond 128 bits.
    private func magnitude(atScale wanted: Int) -> UInt128? {
        if wanted == scale { return coefficient.magnitude }
        let (magnitude, overflow) = coefficient.magnitude.multipliedReportingOverflow(
            by: Self.power(of: wanted - scale)
        )
        return overflow ? nil : magnitude
    }
}

extension ExactDecimal: Comparable {
    /// Whether it is the smaller number.
    public static func < (lhs: ExactDecimal, rhs: ExactDecimal) -> Bool {
        if lhs.isNegative != rhs.isNegative { return lhs.isNegative }
        let scale = Swift.max(lhs.scale, rhs.scale)
        // At most one of the two is scaled up; where that passes 128 bits, it is the one further from 0.
        guard let left = lhs.magnitude(atScale: scale) else { return lhs.isNegative }
        guard let right = rhs.magnitude(atScale: scale) else { return !lhs.isNegative }
        return lhs.isNegative ? left > right : left < right
    }
}

extension ExactDecimal: ExpressibleByIntegerLiteral {
    /// The whole number written in code.
    public init(integerLiteral value: Int64) {
        self.init(value)
    }
}
