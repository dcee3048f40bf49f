internal import CSimdjson

extension Payload {
    /// The largest integer that JSON's readers agree on, ±2⁵³.
    public static let integers: ClosedRange<Int64> = -(1 << 53)...(1 << 53)

    /// Whether the field has a value: present, and not null.
    public func contains(_ field: FieldName) throws(EventRefusal) -> Bool {
        try find(field) != nil
    }

    // MARK: Needed fields

    /// The text of a field.
    public func text(_ field: FieldName) throws(EventRefusal) -> Text {
        try text(of: needed(field, "text"), field)
    }

    /// The integer of a field, however it is written.
    public func integer(
        _ field: FieldName,
        in range: ClosedRange<Int64> = Payload.integers
    ) throws(EventRefusal) -> Int64 {
        try integer(of: needed(field, "an integer"), field, range)
    }

    /// The number of a field, the nearest `Double` to it.
    public func number(_ field: FieldName, in range: ClosedRange<Double>? = nil) throws(EventRefusal) -> Double {
        try number(of: needed(field, "a number"), field, range)
    }

    /// The boolean of a field.
    public func boolean(_ field: FieldName) throws(EventRefusal) -> Bool {
        try boolean(of: needed(field, "a boolean"), field)
    }

    /// The texts of an array, in its order.
    public func texts(_ field: FieldName) throws(EventRefusal) -> [Text] {
        try texts(of: needed(field, "an array of texts"), field)
    }

    /// The moment that a field's text names in ISO 8601; see `Timestamp.init(_:)`.
    public func timestamp(_ field: FieldName) throws(EventRefusal) -> Timestamp {
        try timestamp(of: needed(field, "a time in ISO 8601"), field)
    }

    /// The object of a field.
    public func object(_ field: FieldName) throws(EventRefusal) -> Payload {
        try object(of: needed(field, "an object"), field)
    }

    // MARK: Optional fields: nil when absent or null, refused when of another type

    /// The text of a field, or nil.
    public func optionalText(_ field: FieldName) throws(EventRefusal) -> Text? {
        guard let value = try find(field) else { return nil }
        return try text(of: value, field)
    }

    /// The integer of a field, or nil.
    public func optionalInteger(
        _ field: FieldName,
        in range: ClosedRange<Int64> = Payload.integers
    ) throws(EventRefusal) -> Int64? {
        guard let value = try find(field) else { return nil }
        return try integer(of: value, field, range)
    }

    /// The number of a field, or nil.
    public func optionalNumber(
        _ field: FieldName,
        in range: ClosedRange<Double>? = nil
    ) throws(EventRefusal) -> Double? {
        guard let value = try find(field) else { return nil }
        return try number(of: value, field, range)
    }

    /// The boolean of a field, or nil.
    public func optionalBoolean(_ field: FieldName) throws(EventRefusal) -> Bool? {
        guard let value = try find(field) else { return nil }
        return try boolean(of: value, field)
    }

    /// The texts of an array, or nil.
    public func optionalTexts(_ field: FieldName) throws(EventRefusal) -> [Text]? {
        guard let value = try find(field) else { return nil }
        return try texts(of: value, field)
    }

    /// The moment that a field's text names, or nil.
    public func optionalTimestamp(_ field: FieldName) throws(EventRefusal) -> Timestamp? {
        guard let value = try find(field) else { return nil }
        return try timestamp(of: value, field)
    }

    /// The object of a field, or nil.
    public func optionalObject(_ field: FieldName) throws(EventRefusal) -> Payload? {
        guard let value = try find(field) else { return nil }
        return try object(of: value, field)
    }
}

// MARK: - Reading one value

// A value points into the payload's memory, so each function keeps that alive until it is done.
extension Payload {
    func needed(_ field: FieldName, _ expectation: StaticString) throws(EventRefusal) -> JSONValue {
        if let value = try find(field) {
            return value
        }
        throw EventRefusal(.missing, field: field.description, "expected \(expectation), found nothing")
    }

    func text(of value: JSONValue, _ field: FieldName) throws(EventRefusal) -> Text {
        defer { extendLifetime(storage) }
        guard value.kind == .text else {
            throw Self.mismatch(field, "text", value)
        }
        if !value.isEscaped {
            return Text(borrowing: value.start + 1, count: value.length - 2, from: storage.owner)
        }
        return try unescapedText(of: value, field)
    }

    @inline(never)
    private func unescapedText(of value: JSONValue, _ field: FieldName) throws(EventRefusal) -> Text {
        defer { extendLifetime(storage) }
        let source = value.start + 1
        let length = value.length - 2
        let decoded = Bytes(count: length)
        let destination = decoded.address.assumingMemoryBound(to: UInt8.self)
        let text = refold_unescape(source, length, destination)
        let found: String
        switch text.status {
        case REFOLD_TEXT_OK:
            return Text(borrowing: destination, count: text.length, from: decoded)
        case REFOLD_TEXT_HAS_NUL:
            found = "text with a NUL"
        case REFOLD_TEXT_HAS_LONE_SURROGATE:
            found = "text with half of a surrogate pair"
        case REFOLD_TEXT_NOT_UTF8:
            found = "text that is not UTF-8"
        default:
            found = "text that is not JSON"
        }
        throw EventRefusal(.invalidText, field: field.description, "expected text that can be stored, found \(found)")
    }

    private func integer(
        of value: JSONValue,
        _ field: FieldName,
        _ range: ClosedRange<Int64>
    ) throws(EventRefusal) -> Int64 {
        defer { extendLifetime(storage) }
        var integer: Int64 = 0
        let status = refold_integer(value.start, value.length, &integer)
        if status == REFOLD_NUMBER_OK, range.contains(integer) {
            return integer
        }
        let expected =
            range == Self.integers
            ? "an integer within ±2^53" : "an integer from \(range.lowerBound) to \(range.upperBound)"
        throw Self.refusal(of: value, field, expected, status)
    }

    private func number(
        of value: JSONValue,
        _ field: FieldName,
        _ range: ClosedRange<Double>?
    ) throws(EventRefusal) -> Double {
        defer { extendLifetime(storage) }
        var number = 0.0
        let status = refold_double(value.start, value.length, &number)
        if status == REFOLD_NUMBER_OK, range?.contains(number) ?? true {
            return number
        }
        let expected = range.map { "a number from \($0.lowerBound) to \($0.upperBound)" } ?? "a finite number"
        throw Self.refusal(of: value, field, expected, status)
    }

    @inline(never)
    private static func refusal(
        of value: JSONValue,
        _ field: FieldName,
        _ expected: String,
        _ status: RefoldNumberStatus
    ) -> EventRefusal {
        switch status {
        case REFOLD_NUMBER_OK:
            EventRefusal(.outOfRange, field: field.description, "expected \(expected), found one outside of that")
        case REFOLD_NUMBER_TOO_LARGE:
            EventRefusal(.outOfRange, field: field.description, "expected \(expected), found one too large")
        case REFOLD_NUMBER_HAS_FRACTION:
            EventRefusal(.wrongType, field: field.description, "expected \(expected), found a number with a fraction")
        default:
            mismatch(field, expected, value)
        }
    }

    private func boolean(of value: JSONValue, _ field: FieldName) throws(EventRefusal) -> Bool {
        defer { extendLifetime(storage) }
        switch value.start.pointee {
        case UInt8(ascii: "t"): return true
        case UInt8(ascii: "f"): return false
        default: throw Self.mismatch(field, "a boolean", value)
        }
    }

    private func texts(of value: JSONValue, _ field: FieldName) throws(EventRefusal) -> [Text] {
        defer { extendLifetime(storage) }
        guard value.kind == .array else {
            throw Self.mismatch(field, "an array of texts", value)
        }
        let array = UnsafeRawBufferPointer(start: value.start, count: value.length)
        var scanner = JSONScanner(array, 0..<array.count, .structure)
        func nextElement() throws(EventRefusal) -> Range<Int>? {
            do throws(JSONSyntaxError) {
                return try scanner.nextElement()
            } catch {
                throw EventRefusal(.wrongType, field: field.description, "expected an array of texts, found no JSON")
            }
        }
        var texts: [Text] = []
        while let range = try nextElement() {
            let start = value.start + range.lowerBound
            let isText = start.pointee == UInt8(ascii: "\"")
            let element = JSONValue(
                start: start,
                length: range.count,
                isEscaped: isText && !refold_is_plain(start + 1, range.count - 2)
            )
            guard isText else {
                throw EventRefusal(
                    .wrongType,
                    field: field.description,
                    "expected an array of texts, found \(element.kind.rawValue) in it"
                )
            }
            texts.append(try text(of: element, field))
        }
        return texts
    }

    private func timestamp(of value: JSONValue, _ field: FieldName) throws(EventRefusal) -> Timestamp {
        defer { extendLifetime(storage) }
        guard value.kind == .text else {
            throw Self.mismatch(field, "a time in ISO 8601", value)
        }
        let text = try text(of: value, field)
        guard let timestamp = text.withBytes({ Timestamp(iso8601: $0) }) else {
            throw EventRefusal(
                .outOfRange,
                field: field.description,
                "expected a time in ISO 8601, found text that is none"
            )
        }
        return timestamp
    }

    private func object(of value: JSONValue, _ field: FieldName) throws(EventRefusal) -> Payload {
        defer { extendLifetime(storage) }
        guard value.kind == .object else {
            throw Self.mismatch(field, "an object", value)
        }
        var builder = EventBatchBuilder(types: EventTypeCatalog([]))
        return builder.object(UnsafeRawBufferPointer(start: value.start, count: value.length))
    }

    @inline(never)
    static func mismatch(_ field: FieldName, _ expected: String, _ value: JSONValue) -> EventRefusal {
        EventRefusal(.wrongType, field: field.description, "expected \(expected), found \(value.kind.rawValue)")
    }
}
