/// A JSON value that keeps the order of its members, so that what is written reads as it was made.
public enum JSON: Sendable, Hashable {
    case null
    case boolean(Bool)
    case integer(Int64)
    /// A number that need not be exact. One that is not finite has no JSON and is written as null.
    case number(Double)
    /// An exact number, written with all its digits.
    case decimal(ExactDecimal)
    case text(String)
    case array([JSON])
    case object(Object)
    /// A text that is JSON already: numbers as they were read, with each of their digits, and strings that no text can
    /// hold (half of a surrogate pair).
    case raw(String)

    /// The members of an object in their order. A name may occur twice, as in JSON; the last one counts. Two names are
    /// the same when their bytes are: composed and decomposed letters differ, as they do for PostgreSQL.
    public struct Object: Sendable, Hashable {
        /// A name with its value.
        public struct Member: Sendable, Hashable {
            /// The name.
            public let name: String
            /// The value.
            public var value: JSON

            /// A member of an object.
            public init(_ name: String, _ value: JSON) {
                self.name = name
                self.value = value
            }

            func isNamed(_ other: String) -> Bool { name.utf8.elementsEqual(other.utf8) }
        }

        /// All members in their order.
        public private(set) var members: [Member]

        /// An object of these members.
        public init(_ members: [Member] = []) {
            self.members = members
        }

        /// The value of that name, nil when there is none.
        ///
        /// A new name is added at the end; one that is there keeps its place; nil removes it.
        public subscript(name: String) -> JSON? {
            get { members.last { $0.isNamed(name) }?.value }
            set {
                guard let newValue else {
                    members.removeAll { $0.isNamed(name) }
                    return
                }
                if let place = members.lastIndex(where: { $0.isNamed(name) }) {
                    members[place].value = newValue
                } else {
                    members.append(Member(name, newValue))
                }
            }
        }

        /// Renames a member in place; a member that already had the new name is removed.
        ///
        /// - Returns: whether there was one.
        @discardableResult
        public mutating func rename(_ name: String, to newName: String) -> Bool {
            guard !name.utf8.elementsEqual(newName.utf8) else { return self[name] != nil }
            guard let value = self[name] else { return false }
            members.removeAll { $0.isNamed(newName) }
            if let place = members.lastIndex(where: { $0.isNamed(name) }) { members[place] = Member(newName, value) }
            members.removeAll { $0.isNamed(name) }
            return true
        }
    }
}

// MARK: What a value holds

extension JSON {
    /// Whether it is null.
    public var isNull: Bool { self == .null }

    /// The boolean, or nil.
    public var asBoolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The text of a string, or nil.
    public var asText: String? {
        if case .text(let value) = self { value } else { nil }
    }

    /// The exact value of a number, or nil when the value is no number or has too many digits.
    public var asDecimal: ExactDecimal? {
        switch self {
        case .integer(let value): ExactDecimal(value)
        case .decimal(let value): value
        case .number, .raw: ExactDecimal(text)
        default: nil
        }
    }

    /// The number as an integer of 64 bits, however it is written; nil when the value is no number.
    public var asInteger: Int64? {
        if case .integer(let value) = self { return value }
        guard let decimal = asDecimal, decimal.scale == 0 else { return nil }
        return Int64(exactly: decimal.coefficient)
    }

    /// The elements of an array, or nil.
    public var asArray: [JSON]? {
        if case .array(let values) = self { values } else { nil }
    }

    /// The members of an object, or nil.
    public var asObject: Object? {
        if case .object(let object) = self { object } else { nil }
    }
}

// MARK: Made in code

extension JSON {
    /// The number, or null.
    public static func optional(_ value: Int64?) -> JSON { value.map { .integer($0) } ?? .null }

    /// The text, or null.
    public static func optional(_ value: String?) -> JSON { value.map { .text($0) } ?? .null }

    /// A number with at most three decimals, null for nil or for one that JSON cannot represent.
    public static func optional(_ value: Double?) -> JSON {
        value.map { $0.isFinite ? .number(($0 * 1000).rounded() / 1000) : .null } ?? .null
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    /// A text written in code.
    public init(stringLiteral value: String) { self = .text(value) }
    /// An integer written in code.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A boolean written in code.
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
}

extension JSON: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral {
    /// An object written in code, its members in that order.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Object(elements.map { Object.Member($0, $1) }))
    }

    /// An array written in code.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
}

extension JSON.Object: ExpressibleByDictionaryLiteral {
    /// An object written in code, its members in that order.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self.init(elements.map { Member($0, $1) })
    }
}
