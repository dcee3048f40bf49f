/// The rows of one table that are in memory.
///
/// Records have a fixed length and lie in slabs, so that a record's address never changes; texts and collections are
/// blobs of their own. This class, ``Row`` and ``UndoLog`` are the only owners of that memory: a record is reachable
/// only through the ``KeyIndex`` or a ``Row`` handed out for the event in hand, and is freed when it is evicted or the
/// table goes. Confined to the ``Rows`` it is part of.
package final class TableMemory {
    package let definition: TableDefinition
    let tableIndex: Int
    let undo: UndoLog
    var index = KeyIndex()
    /// All rows of the table are in memory, so a key that is not here does not exist.
    package internal(set) var isComplete: Bool
    /// Bytes in use by records, their index entries and their blobs. Slabs whose records were evicted are used again.
    package var bytes: Int { index.count * (stride + KeyIndex.bytesPerRecord) + blobBytes }
    /// Rows changed since the last window was taken; a record can stand here twice or be clean again.
    private(set) var dirty: ContiguousArray<Record> = []

    private static let slabBytes = 64 * 1024
    private let stride: Int
    private let emptyNulls: UInt64
    private var slabs: [UnsafeMutableRawPointer] = []
    private var nextInSlab = slabBytes
    private var free: ContiguousArray<Record> = []
    var blobBytes = 0
    /// The batch in hand; records stamped with it are pinned.
    var stamp: UInt32 = 0

    init(_ definition: TableDefinition, tableIndex: Int, undo: UndoLog, isComplete: Bool) {
        self.definition = definition
        self.tableIndex = tableIndex
        self.undo = undo
        self.isComplete = isComplete
        stride = definition.recordBytes
        precondition(stride <= Self.slabBytes)
        var nulls: UInt64 = 0
        for (bit, column) in definition.columns.enumerated() where column.isNullable {
            nulls |= 1 << UInt64(bit)
        }
        emptyNulls = nulls
    }

    deinit {
        index.forEach { freeBlobs(of: $0) }
        for slab in slabs { slab.deallocate() }
    }

    /// The number of records, known-absent rows included.
    package var recordCount: Int { index.count }

    // MARK: Records

    /// Makes a record for a key that has none: a row known not to exist.
    func makeRecord(_ key: UnsafeRawBufferPointer, hash: UInt64) -> Record {
        let record = takeSlot()
        record.initializeMemory(as: UInt8.self, repeating: 0, count: stride)
        record.storeBytes(of: hash, as: UInt64.self)
        record.position = -1
        record.stamp = stamp
        record.nulls = emptyNulls
        blobBytes += record.setKey(key)
        index.insert(record)
        return record
    }

    private func takeSlot() -> Record {
        if let record = free.popLast() { return record }
        if nextInSlab + stride > Self.slabBytes {
            slabs.append(UnsafeMutableRawPointer.allocate(byteCount: Self.slabBytes, alignment: 64))
            nextInSlab = 0
        }
        defer { nextInSlab += stride }
        return slabs[slabs.count - 1] + nextInSlab
    }

    /// Forgets a clean record; the table is no longer complete.
    func evict(_ record: Record) {
        assert(!record.flags.contains(.dirty))
        index.remove(record)
        freeBlobs(of: record)
        free.append(record)
        isComplete = false
    }

    private func freeBlobs(of record: Record) {
        blobBytes -= record.freeKey()
        for column in definition.columns where column.type.isBlob {
            release(record.blob(column.offset))
        }
    }

    func release(_ blob: Blob) {
        blobBytes -= blob.capacity
        blob.free()
    }

    // MARK: Changes

    /// Says that the event in hand changes the record; to be called before each change.
    @inline(__always)
    func touch(_ record: Record) {
        if record.position != undo.position { firstTouch(record) }
    }

    private func firstTouch(_ record: Record) {
        undo.append(
            .init(
                record: record,
                first: UInt64(bitPattern: record.position),
                second: record.word(RecordHeader.stamp),
                offset: 0,
                table: UInt8(tableIndex),
                kind: .header
            )
        )
        record.position = undo.position
        if !record.flags.contains(.dirty) {
            record.flags.insert(.dirty)
            dirty.append(record)
        }
    }

    @inline(__always)
    func setWord(_ record: Record, _ offset: Int, _ value: UInt64) {
        let old = record.word(offset)
        if old == value { return }
        touch(record)
        undo.append(
            .init(
                record: record,
                first: old,
                second: 0,
                offset: UInt16(offset),
                table: UInt8(tableIndex),
                kind: .word
            )
        )
        record.setWord(offset, value)
    }

    @inline(__always)
    func setNull(_ record: Record, _ bit: UInt64, _ isNull: Bool) {
        let nulls = record.nulls
        setWord(record, RecordHeader.nulls, isNull ? nulls | bit : nulls & ~bit)
    }

    /// Puts a blob into a cell; the cell owns it from here on.
    func setBlob(_ record: Record, _ offset: Int, _ blob: Blob) {
        touch(record)
        let old = record.blob(offset).words
        undo.append(
            .init(
                record: record,
                first: old.0,
                second: old.1,
                offset: UInt16(offset),
                table: UInt8(tableIndex),
                kind: .blob
            )
        )
        blobBytes += blob.capacity
        record.setBlob(offset, blob)
    }

    func setBytes(_ record: Record, _ offset: Int, _ bytes: UnsafeRawBufferPointer) {
        if record.blob(offset).equals(bytes) { return }
        setBlob(record, offset, .copy(of: bytes))
    }

    /// Brings an absent row into being, every column null or empty.
    func insert(_ record: Record) {
        touch(record)
        record.flags.insert(.present)
    }

    /// Ends a row: its columns are emptied and it is known not to exist.
    func delete(_ record: Record) {
        for column in definition.columns {
            if column.type.isBlob {
                if record.blob(column.offset).count > 0 { setBlob(record, column.offset, .empty) }
            } else {
                for word in 0..<column.type.words { setWord(record, column.offset + word * 8, 0) }
            }
        }
        setWord(record, RecordHeader.nulls, emptyNulls)
        touch(record)
        record.flags.remove(.present)
    }

    // MARK: Windows

    /// The changed rows since the last call, each once, now clean; the caller has to commit them.
    package func takeChanges() -> [ChangedRecord] {
        var changes: [ChangedRecord] = []
        changes.reserveCapacity(dirty.count)
        for record in dirty where record.flags.contains(.dirty) {
            record.flags.remove(.dirty)
            let isPresent = record.flags.contains(.present)
            let wasStored = record.flags.contains(.stored)
            if isPresent { record.flags.insert(.stored) } else { record.flags.remove(.stored) }
            if isPresent || wasStored { changes.append(ChangedRecord(record: record, memory: self)) }
        }
        dirty.removeAll(keepingCapacity: true)
        return changes
    }

    /// All rows that exist; only for a complete table that is to be written out as a whole.
    package func allRows() -> [ChangedRecord] {
        precondition(isComplete, "only a complete table can be written out as a whole")
        var rows: [ChangedRecord] = []
        rows.reserveCapacity(index.count)
        index.forEach { record in
            if record.flags.contains(.present) { rows.append(ChangedRecord(record: record, memory: self)) }
        }
        return rows
    }
}
