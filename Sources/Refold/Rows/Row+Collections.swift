extension Row {
    /// Adds a number to a set; false when it was there already.
    ///
    /// - Parameter member: below ``NumberSet/capacity``.
    @discardableResult
    public func insert(_ member: UInt16, into column: Column<NumberSet>) -> Bool {
        check(column)
        precondition(member < NumberSet.capacity, "a number set holds numbers below \(NumberSet.capacity)")
        return withMemory { $0.insertMember(member, into: record, at: column.offset) }
    }

    /// Adds a text to a set; false when it was there already.
    @discardableResult
    public func insert(_ member: Text, into column: Column<TextSet>) -> Bool {
        check(column)
        return member.withBytes { member in
            let old = record.blob(column.offset).bytes
            guard let place = TextListBytes.insertionPoint(of: member, inSorted: old) else { return false }
            let blob = withMemory { $0.allocate(old.count + TextListBytes.length(of: member)) }
            let bytes = blob.mutableBytes
            UnsafeMutableRawBufferPointer(rebasing: bytes[..<place])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: old[..<place]))
            let end = TextListBytes.write(member, to: bytes, at: place)
            UnsafeMutableRawBufferPointer(rebasing: bytes[end...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: old[place...]))
            withMemory { $0.setBlob(record, column.offset, blob) }
            return true
        }
    }

    /// Replaces a set by the distinct texts of a list.
    public func replace(_ column: Column<TextSet>, with members: [Text]) {
        check(column)
        var distinct: [Text] = []
        for member in members.sorted() where distinct.last != member { distinct.append(member) }
        setTexts(distinct, column.offset)
    }

    /// Whether a set has a member.
    public func contains(_ member: Text, in column: Column<TextSet>) -> Bool {
        check(column)
        return member.withBytes {
            TextListBytes.insertionPoint(of: $0, inSorted: record.blob(column.offset).bytes) == nil
        }
    }

    /// A list of texts; reading copies them.
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

    /// A list of texts that may be null; reading copies them. The empty list is a value.
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

    private func setTexts(_ texts: [Text], _ offset: Int) {
        withMemory { memory in
            let blob = TextListBytes.blob(of: texts, in: memory)
            if record.blob(offset).equals(blob.bytes) {
                memory.release(blob)
            } else {
                memory.setBlob(record, offset, blob)
            }
        }
    }
}
