public import Refold

/// The value of a column as a test writes it: `3`, `0.5`, `true`, `"text"`, `nil`, `["a", "b"]`, `.time("2024-…Z")`,
/// `.exact("12.50")`, `.day("2024-03-01")`.
public enum RowValue: Sendable, Hashable {
    /// SQL's null.
    case null
    /// An integer column.
    case integer(Int64)
    /// A floating point column.
    case double(Double)
    /// A Boolean column.
    case boolean(Bool)
    /// A text column, compared byte by byte.
    case text(Text)
    /// A timestamp column.
    case timestamp(Timestamp)
    /// A decimal column.
    case decimal(ExactDecimal)
    /// A date column.
    case date(Day)
    /// A list or set of texts, in order.
    case texts([Text])
    /// A set of numbers.
    case numbers(Set<UInt16>)
    /// A list of integers, in order.
    case integers([Int64])

    /// A timestamp in ISO 8601.
    public static func time(_ text: String) -> RowValue {
        guard let time = Timestamp(text) else { preconditionFailure("\"\(text)\" is no time in ISO 8601") }
        return .timestamp(time)
    }

    /// An exact decimal, as JSON would write it.
    public static func exact(_ text: String) -> RowValue {
        guard let decimal = ExactDecimal(text) else {
            preconditionFailure("\"\(text)\" is no decimal of at most 38 digits")
        }
        return .decimal(decimal)
    }

    /// A day: `2024-03-01`.
    public static func day(_ text: String) -> RowValue {
        guard let day = Day(text) else { preconditionFailure("\"\(text)\" is no day") }
        return .date(day)
    }

    /// The number, of an integer or a floating point column; nil of others.
    public var number: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }
}

// MARK: Literals

extension RowValue: ExpressibleByIntegerLiteral {
    /// An integer column. A floating point column's value is written with a point: `1.0`.
    public init(integerLiteral value: Int64) { self = .integer(value) }
}

extension RowValue: ExpressibleByFloatLiteral {
    /// A floating point column.
    public init(floatLiteral value: Double) { self = .double(value) }
}

extension RowValue: ExpressibleByBooleanLiteral {
    /// A Boolean column.
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
}

extension RowValue: ExpressibleByStringLiteral {
    /// A text column.
    public init(stringLiteral value: String) { self = .text(Text(value)) }
}

extension RowValue: ExpressibleByNilLiteral {
    /// SQL's null.
    public init(nilLiteral: ()) { self = .null }
}

extension RowValue: ExpressibleByArrayLiteral {
    /// A list or set of texts.
    public init(arrayLiteral elements: Text...) { self = .texts(elements) }
}

extension RowValue: CustomStringConvertible {
    /// The value as a test writes it.
    public var description: String {
        switch self {
        case .null: "nil"
        case .integer(let number): "\(number)"
        case .double(let number): "\(number)"
        case .boolean(let value): "\(value)"
        case .text(let text): String(text).debugDescription
        case .timestamp(let time): ".time(\"\(time)\")"
        case .decimal(let number): ".exact(\"\(number)\")"
        case .date(let day): ".day(\"\(day)\")"
        case .texts(let texts): "\(texts.map { String($0) })"
        case .integers(let integers): ".integers(\(integers))"
        case .numbers(let numbers): numbers.count > 20 ? "\(numbers.count) numbers" : "\(numbers.sorted())"
        }
    }
}
