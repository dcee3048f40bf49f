/// One row of a projection's table, during the event that asked for it.
///
/// Reads and writes go to memory; the engine commits them. A row must not be kept beyond the event: its memory may be
/// another row's by then, and only a debug build notices. ``Rows`` hands it out again at the cost of a look-up.
public struct Row {
    let record: Record
    #if DEBUG
        private let event: Int
    #endif
    // A row is handed out for the event in hand, and its table is alive throughout; counting references would be a
    // fifth of the time that folding takes.
    private let table: Unmanaged<TableMemory>

    init(record: Record, memory: TableMemory) {
        self.record = record
        table = .passUnretained(memory)
        #if DEBUG
            event = memory.undo.eventNumber
        #endif
    }

    /// Borrows the table's memory without counting a reference.
    @inline(__always)
    func withMemory<R>(_ body: (TableMemory) throws -> R) rethrows -> R {
        try table._withUnsafeGuaranteedRef { try body($0) }
    }

    @inline(__always)
    func check<Value>(_ column: Column<Value>) {
        withMemory {
            precondition(column.table == $0.identity, "the column is one of another table")
            #if DEBUG
                precondition(
                    event == $0.undo.eventNumber,
                    "the row was kept beyond the event that it was given out for"
                )
                precondition($0.definition.hasColumn(column), "the column is one of another model")
            #endif
        }
    }

    @inline(__always)
    func isNull<Value>(_ column: Column<Value>) -> Bool {
        record.nulls & column.nullBit != 0
    }

    @inline(__always)
    func word<Value>(_ column: Column<Value>) -> UInt64 {
        check(column)
        return record.word(column.offset)
    }

    @inline(__always)
    func set<Value>(_ column: Column<Value>, _ value: UInt64) {
        check(column)
        withMemory { $0.setWord(record, column.offset, value) }
    }

    /// Sets a nullable cell's word, 0 for null, so that equal rows have equal records.
    @inline(__always)
    func set<Value>(_ column: Column<Value>, orNull value: UInt64?) {
        check(column)
        withMemory { $0.setNull(record, column.nullBit, value == nil) }
        withMemory { $0.setWord(record, column.offset, value ?? 0) }
    }

    /// An integer column.
    public subscript(column: Column<Int64>) -> Int64 {
        get { Int64(bitPattern: word(column)) }
        nonmutating set { set(column, UInt64(bitPattern: newValue)) }
    }

    /// An integer column that may be null.
    public subscript(column: Column<Int64?>) -> Int64? {
        get { isNull(column) ? nil : Int64(bitPattern: word(column)) }
        nonmutating set { set(column, orNull: newValue.map { UInt64(bitPattern: $0) }) }
    }

    /// A floating point column.
    public subscript(column: Column<Double>) -> Double {
        get { Double(bitPattern: word(column)) }
        nonmutating set { set(column, newValue.bitPattern) }
    }

    /// A floating point column that may be null.
    public subscript(column: Column<Double?>) -> Double? {
        get { isNull(column) ? nil : Double(bitPattern: word(column)) }
        nonmutating set { set(column, orNull: newValue?.bitPattern) }
    }

    /// A Boolean column.
    public subscript(column: Column<Bool>) -> Bool {
        get { word(column) != 0 }
        nonmutating set { set(column, newValue ? 1 : 0) }
    }

    /// A Boolean column that may be null.
    public subscript(column: Column<Bool?>) -> Bool? {
        get { isNull(column) ? nil : word(column) != 0 }
        nonmutating set { set(column, orNull: newValue.map { $0 ? 1 : 0 }) }
    }

    /// A timestamp column.
    public subscript(column: Column<Timestamp>) -> Timestamp {
        get { Timestamp(microseconds: Int64(bitPattern: word(column))) }
        nonmutating set { set(column, UInt64(bitPattern: newValue.rawValue)) }
    }

    /// A timestamp column that may be null.
    public subscript(column: Column<Timestamp?>) -> Timestamp? {
        get { isNull(column) ? nil : Timestamp(microseconds: Int64(bitPattern: word(column))) }
        nonmutating set { set(column, orNull: newValue.map { UInt64(bitPattern: $0.rawValue) }) }
    }

    /// A text column; reading copies the text, and setting one of more than ``Rows/longestText`` bytes refuses the
    /// event.
    public subscript(column: Column<Text>) -> Text {
        get {
            check(column)
            return Text(copying: record.blob(column.offset).bytes)
        }
        nonmutating set {
            check(column)
            newValue.withBytes { bytes in withMemory { $0.setBytes(record, column.offset, bytes) } }
        }
    }

    /// A text column that may be null; reading copies the text, and setting one of more than ``Rows/longestText`` bytes
    /// refuses the event. The empty text is a value.
    public subscript(column: Column<Text?>) -> Text? {
        get {
            check(column)
            return isNull(column) ? nil : Text(copying: record.blob(column.offset).bytes)
        }
        nonmutating set {
            check(column)
            withMemory { $0.setNull(record, column.nullBit, newValue == nil) }
            if let newValue {
                newValue.withBytes { bytes in withMemory { $0.setBytes(record, column.offset, bytes) } }
            } else if record.blob(column.offset).count > 0 {
                withMemory { $0.setBlob(record, column.offset, .empty) }
            }
        }
    }

    /// Adds to an integer column.
    ///
    /// - Throws: ``EventRefusal`` when the sum does not fit 64 bits; the column keeps its value.
    public func add(_ amount: Int64, to column: Column<Int64>) throws {
        let (sum, overflow) = self[column].addingReportingOverflow(amount)
        if overflow {
            throw EventRefusal(
                .overflow,
                "adding \(amount) overflows a 64-bit column of \(withMemory { $0.definition.name })"
            )
        }
        self[column] = sum
    }

    /// Removes the row from its table.
    public func delete() {
        withMemory { $0.delete(record) }
    }
}
