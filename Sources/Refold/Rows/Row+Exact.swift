/// Decimals and days.
extension Row {
    /// A decimal column.
    public subscript(column: Column<ExactDecimal>) -> ExactDecimal {
        get {
            check(column)
            return record.decimal(column.offset)
        }
        nonmutating set {
            check(column)
            withMemory { $0.setDecimal(record, column.offset, newValue) }
        }
    }

    /// A decimal column that may be null.
    public subscript(column: Column<ExactDecimal?>) -> ExactDecimal? {
        get {
            check(column)
            return isNull(column) ? nil : record.decimal(column.offset)
        }
        nonmutating set {
            check(column)
            withMemory { $0.setNull(record, column.nullBit, newValue == nil) }
            withMemory { $0.setDecimal(record, column.offset, newValue ?? .zero) }
        }
    }

    /// A date column. One that was never set is 2000-01-01.
    public subscript(column: Column<Day>) -> Day {
        get { Day(word: word(column)) }
        nonmutating set { set(column, newValue.word) }
    }

    /// A date column that may be null.
    public subscript(column: Column<Day?>) -> Day? {
        get { isNull(column) ? nil : Day(word: word(column)) }
        nonmutating set { set(column, orNull: newValue?.word) }
    }

    /// Adds to a decimal column.
    ///
    /// - Throws: ``EventRefusal`` when the sum has more than 38 digits; the column keeps its value.
    public func add(_ amount: ExactDecimal, to column: Column<ExactDecimal>) throws {
        do {
            self[column] = try self[column].adding(amount)
        } catch {
            throw EventRefusal(
                .overflow,
                "adding to a decimal column of \(withMemory { $0.definition.name }): \(error.reason)"
            )
        }
    }
}

extension Record {
    /// A decimal's three words: the coefficient's lower and upper half, and the scale. 0 is three times 0.
    @inline(__always)
    func decimal(_ offset: Int) -> ExactDecimal {
        let coefficient = UInt128(word(offset + 8)) << 64 | UInt128(word(offset))
        return ExactDecimal(normalized: Int128(truncatingIfNeeded: coefficient), scale: Int(word(offset + 16)))
    }
}

extension TableMemory {
    /// Sets a decimal's three words.
    func setDecimal(_ record: Record, _ offset: Int, _ value: ExactDecimal) {
        setWord(record, offset, UInt64(truncatingIfNeeded: value.coefficient))
        setWord(record, offset + 8, UInt64(truncatingIfNeeded: value.coefficient >> 64))
        setWord(record, offset + 16, UInt64(value.scale))
    }
}

extension LoadingRecord {
    /// Sets a decimal cell.
    package func setDecimal(_ column: Int, _ value: ExactDecimal) {
        let offset = memory.definition.columns[column].offset
        record.setWord(offset, UInt64(truncatingIfNeeded: value.coefficient))
        record.setWord(offset + 8, UInt64(truncatingIfNeeded: value.coefficient >> 64))
        record.setWord(offset + 16, UInt64(value.scale))
    }
}

extension ChangedRecord {
    /// A decimal cell.
    package func decimal(_ column: Int) -> ExactDecimal {
        record.decimal(memory.definition.columns[column].offset)
    }

    /// A date cell.
    package func day(_ column: Int) -> Day { Day(word: word(column)) }
}

extension Day {
    /// As a cell has it.
    package init(word: UInt64) {
        self.init(rawValue: Int32(truncatingIfNeeded: Int64(bitPattern: word)))
    }

    /// As a cell has it.
    package var word: UInt64 { UInt64(bitPattern: Int64(rawValue)) }
}
