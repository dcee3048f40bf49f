extension Row {
    /// Adds a number to a set; false when it was there already.
    ///
    /// - Parameter member: below ``NumberSet/capacity``; another one refuses the event.
    @discardableResult
    public func insert(_ member: UInt16, into column: Column<NumberSet>) -> Bool {
        check(column)
        return withMemory { $0.insertMember(member, into: record, at: column.offset) }
    }

    /// Adds a text to a set; false when it was there already, or when the set would have more than
    /// ``Rows/largestCollection`` bytes, which refuses the event.
    @discardableResult
    public func insert(_ member: Text, into column: Column<TextSet>) -> Bool {
        check(column)
        return member.withBytes { member in
            withMemory { $0.insertText(member, into: record, at: column.offset) }
        }
    }

    /// Replaces a set by the distinct texts of a list; more than ``Rows/largestCollection`` bytes refuse the event.
    public func replace(_ column: Column<TextSet>, with members: [Text]) {
        check(column)
        var distinct: [Text] = []
        for member in members.sorted() where distinct.last != member { distinct.append(member) }
        setTexts(distinct, column.offset, isSet: true)
    }

    /// How many members a set has; it takes time in proportion.
    public func count(of column: Column<TextSet>) -> Int {
        check(column)
        return TextListBytes.count(in: record.blob(column.offset).bytes)
    }

    /// Whether a set has a member.
    public func contains(_ member: Text, in column: Column<TextSet>) -> Bool {
        check(column)
        return member.withBytes {
            TextSetBytes.place(of: $0, in: record.blob(column.offset)) == nil
        }
    }

    /// A list of texts; reading copies them, and setting more than ``Rows/largestCollection`` bytes refuses the event.
    public subscript(column: Column<[Text]>) -> [Text] {
        get {
            check(column)
            return TextListBytes.texts(in: record.blob(column.offset).bytes)
        }
        nonmutating set {
            check(column)
            setTexts(newValue, column.offset)
        }
    }

    /// A list of texts that may be null; reading copies them, and setting more than ``Rows/largestCollection`` bytes
    /// refuses the event. The empty list is a value.
    public subscript(column: Column<[Text]?>) -> [Text]? {
        get {
            check(column)
            return isNull(column) ? nil : TextListBytes.texts(in: record.blob(column.offset).bytes)
        }
        nonmutating set {
            check(column)
            withMemory { $0.setNull(record, column.nullBit, newValue == nil) }
            setTexts(newValue ?? [], column.offset)
        }
    }

    /// A list of integers; reading copies them, and setting more than ``Rows/largestCollection`` bytes, 8 each, refuses
    /// the event.
    public subscript(column: Column<IntegerList>) -> [Int64] {
        get {
            check(column)
            return IntegerListBytes.integers(in: record.blob(column.offset).bytes)
        }
        nonmutating set {
            check(column)
            newValue.withUnsafeBytes { bytes in
                withMemory { memory in
                    guard memory.isAllowed(bytes.count, in: column.offset) else { return }
                    memory.setBytes(record, column.offset, bytes)
                }
            }
        }
    }

    private func setTexts(_ texts: [Text], _ offset: Int, isSet: Bool = false) {
        withMemory { memory in
            guard memory.isAllowed(TextListBytes.length(of: texts), in: offset) else { return }
            let blob = TextListBytes.blob(of: texts, isSet: isSet, in: memory)
            if record.blob(offset).equals(blob.bytes) {
                memory.release(blob)
            } else {
                memory.setBlob(record, offset, blob)
            }
        }
    }
}
