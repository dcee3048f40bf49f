/// Rows coming from and going to the database.
extension TableMemory {
    /// Keeps a row that was read from the database.
    ///
    /// - Parameters:
    ///   - key: the row's ``EncodedKey`` bytes; the row must not be in memory.
    ///   - position: its `_position`.
    /// - Returns: the record, every column 0 or empty, for the caller to fill.
    package func load(key: UnsafeRawBufferPointer, position: Int64) -> LoadingRecord {
        let record = makeRecord(key, hash: hash(of: key))
        record.position = position
        record.flags = [.present, .stored]
        record.nulls = 0
        return LoadingRecord(record: record, memory: self)
    }

    /// The hash of a key by its ``EncodedKey`` bytes.
    private func hash(of key: UnsafeRawBufferPointer) -> UInt64 {
        guard keyHasParts else { return keyHash(key) }
        let count = Int(UInt32(littleEndian: key.loadUnaligned(as: UInt32.self)))
        let text = UnsafeRawBufferPointer(rebasing: key[4..<(4 + count)])
        let number = Int64(littleEndian: key.loadUnaligned(fromByteOffset: 4 + count, as: Int64.self))
        return keyHash(text: keyHash(text), number)
    }

    /// Whether anything is known of a key.
    package func isKnown(_ key: EncodedKey) -> Bool {
        key.bytes.withUnsafeBytes { index.find($0, hash: hash(of: $0)) != nil }
    }

    /// Remembers that no row has this key.
    package func loadAbsent(_ key: EncodedKey) {
        key.bytes.withUnsafeBytes { _ = makeRecord($0, hash: hash(of: $0)) }
    }

    /// Says that all rows of the table are in memory now.
    package func markComplete() { isComplete = true }

    /// Evicts clean records that the batch `keeping` did not touch, oldest batch first, until `bytes` are free; what
    /// stays is moved together.
    func evict(atLeast bytes: Int, keeping stamp: UInt32) {
        guard bytes > 0 else { return }
        let target = self.bytes - bytes
        defer { giveBackMemory() }
        if usedBytes <= target { return }
        forgetClean()
        var candidates: [(age: UInt32, record: Record)] = []
        index.forEach { record in
            let age = stamp &- record.stamp
            if age != 0 && !record.flags.contains(.dirty) { candidates.append((age, record)) }
        }
        candidates.sort { $0.age > $1.age }
        for (_, record) in candidates {
            if usedBytes <= target { return }
            evict(record)
        }
    }
}

/// A record that is being filled from the database.
package struct LoadingRecord {
    let record: Record
    let memory: TableMemory

    /// Sets a cell that is not a blob.
    package func setWord(_ column: Int, _ value: UInt64) {
        record.setWord(memory.definition.columns[column].offset, value)
    }

    /// Sets a blob cell; lists and sets of texts in the form of ``TextListBytes``.
    package func setBytes(_ column: Int, _ bytes: UnsafeRawBufferPointer) {
        let definition = memory.definition.columns[column]
        record.setBlob(definition.offset, memory.copyTexts(bytes, isSet: definition.type == .textSet))
    }

    /// Sets a list or set of texts.
    package func setTexts(_ column: Int, _ texts: [Text]) {
        let definition = memory.definition.columns[column]
        let blob = TextListBytes.blob(of: texts, isSet: definition.type == .textSet, in: memory)
        record.setBlob(definition.offset, blob)
    }

    /// Sets a cell to null.
    package func setNull(_ column: Int) {
        record.nulls |= 1 << UInt64(column)
    }
}

/// A row to be written, readable until the next event is applied.
package struct ChangedRecord {
    let record: Record
    // The rows that handed it out live as long as it may be read; counting references costs more than reading.
    unowned(unsafe) let memory: TableMemory

    /// False for a row that the database still holds and that is to be removed.
    package var isPresent: Bool { record.flags.contains(.present) }
    /// The last event that changed the row.
    package var position: Int64 { record.position }
    /// The bytes of the key, as in ``EncodedKey``.
    package var key: UnsafeRawBufferPointer { record.key }
    /// Whether a column is null.
    package func isNull(_ column: Int) -> Bool { record.nulls & (1 << UInt64(column)) != 0 }
    /// The 64 bits of a cell that is not a blob.
    package func word(_ column: Int) -> UInt64 { record.word(memory.definition.columns[column].offset) }
    /// The bytes of a blob cell.
    package func bytes(_ column: Int) -> UnsafeRawBufferPointer {
        record.blob(memory.definition.columns[column].offset).bytes
    }
}
