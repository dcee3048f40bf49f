extension Payload {
    /// The exact decimal of a field: a JSON number, or a text that holds one.
    ///
    /// Refused when it has more digits than a ``ExactDecimal``.
    public func decimal(_ field: FieldName, in range: ClosedRange<ExactDecimal>? = nil) throws(EventRefusal)
        -> ExactDecimal
    {
        try decimal(of: needed(field, "a decimal number"), field, range)
    }

    /// The exact decimal of a field, or nil.
    public func optionalDecimal(
        _ field: FieldName,
        in range: ClosedRange<ExactDecimal>? = nil
    ) throws(EventRefusal) -> ExactDecimal? {
        guard let value = try find(field) else { return nil }
        return try decimal(of: value, field, range)
    }

    private func decimal(
        of value: JSONValue,
        _ field: FieldName,
        _ range: ClosedRange<ExactDecimal>?
    ) throws(EventRefusal) -> ExactDecimal {
        defer { extendLifetime(storage) }
        let reading: ExactDecimal.Reading
        switch value.kind {
        case .number: reading = ExactDecimal.read(UnsafeRawBufferPointer(start: value.start, count: value.length))
        case .text: reading = try text(of: value, field).withBytes { ExactDecimal.read($0) }
        default: throw Self.mismatch(field, Self.expectedDecimal(range), value)
        }
        switch reading {
        case .value(let decimal) where range?.contains(decimal) ?? true:
            return decimal
        case .value:
            throw EventRefusal(
                .outOfRange,
                field: field.description,
                "expected \(Self.expectedDecimal(range)), found one outside of that"
            )
        case .doesNotFit:
            throw EventRefusal(
                .outOfRange,
                field: field.description,
                "expected \(Self.expectedDecimal(range)), found one of more than \(ExactDecimal.maximumDigits) digits"
            )
        case .notANumber:
            throw EventRefusal(
                .wrongType,
                field: field.description,
                "expected \(Self.expectedDecimal(range)), found text that is none"
            )
        }
    }

    @inline(never)
    private static func expectedDecimal(_ range: ClosedRange<ExactDecimal>?) -> String {
        range.map { "a decimal number from \($0.lowerBound) to \($0.upperBound)" } ?? "a decimal number"
    }
}
