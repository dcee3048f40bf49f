/// The rows of one table that are in memory.
///
/// Records have a fixed length and never move; texts and collections are blobs of their own; both are pieces of one
/// ``RowHeap``. This class, ``Row`` and ``UndoLog`` are the only types that reach them: a record only through the
/// ``KeyIndex`` or a ``Row`` handed out for the event in hand. A record goes back to the heap when it is evicted, and
/// all of it goes when the table goes. Confined to the ``Rows`` it is part of.
package final class TableMemory {
    package let definition: TableDefinition
    let identity: UInt64
    let tableIndex: Int
    let undo: UndoLog
    var index = KeyIndex()
    /// All rows of the table are in memory, so a key that is not here does not exist.
    package internal(set) var isComplete: Bool
    /// Bytes of records, their index entries and their blobs, including those that the undo log keeps, and of the free
    /// places between them beyond what the next rows will soon use.
    package var bytes: Int { usedBytes + max(0, heap.freeBytes - Self.freeBytes) }
    /// Roughly the share of the changed rows in it.
    var changedBytes: Int { dirty.isEmpty ? 0 : dirty.count * (usedBytes / max(index.count, 1)) }
    /// The same as ``bytes`` without free places.
    var usedBytes: Int { index.count * (stride + KeyIndex.bytesPerRecord) + blobBytes }
    /// How much may be free in a table without being counted.
    private static let freeBytes = 2 << 20
    private var heap: RowHeap
    /// Rows changed since the last window was taken; a record can be here twice or be clean again.
    private(set) var dirty: ContiguousArray<Record> = []

    let stride: Int
    /// The key is a text and an integer.
    let keyHasParts: Bool
    private let emptyNulls: UInt64
    private var blobBytes = 0
    /// The batch in hand; records stamped with it are pinned.
    var stamp: UInt32 = 0

    init(_ definition: TableDefinition, tableIndex: Int, undo: UndoLog, isComplete: Bool) {
        self.definition = definition
        identity = definition.identity
        self.tableIndex = tableIndex
        self.undo = undo
        self.isComplete = isComplete
        stride = RowHeap.aligned(definition.recordBytes)
        heap = RowHeap(recordBytes: stride)
        keyHasParts = definition.key.map(\.type) == [.text, .integer]
        var nulls: UInt64 = 0
        for (bit, column) in definition.columns.enumerated() where column.isNullable {
            nulls |= 1 << UInt64(bit)
        }
        emptyNulls = nulls
    }

    /// The number of records, known-absent rows included.
    package var recordCount: Int { index.count }

    /// Index slots that finding a row reads, on average: between 1 and 2 unless keys collide.
    package var meanProbes: Double { index.meanProbes }

    // MARK: Records

    /// Makes a record for a key that has none: a row known not to exist.
    func makeRecord(_ key: UnsafeRawBufferPointer, hash: UInt64) -> Record {
        let record = heap.takeRecord()
        record.initializeMemory(as: UInt8.self, repeating: 0, count: stride)
        record.storeBytes(of: hash, as: UInt64.self)
        record.position = -1
        record.stamp = stamp
        record.nulls = emptyNulls
        record.setKey(key) { allocate($0).pointer }
        index.insert(record)
        return record
    }

    /// Forgets a clean record; the table is no longer complete.
    func evict(_ record: Record) {
        assert(!record.flags.contains(.dirty))
        index.remove(record)
        release(record.longKey)
        for column in definition.columns where column.type.isBlob {
            release(record.blob(column.offset))
        }
        heap.giveRecord(record)
        isComplete = false
    }

    /// Memory for `count` bytes whose content is not set yet.
    func allocate(_ count: Int, capacity: Int = 0) -> Blob {
        let capacity = RowHeap.rounded(max(count, capacity))
        guard capacity > 0 else { return .empty }
        blobBytes += capacity
        return Blob(pointer: heap.take(capacity), count: count, capacity: capacity)
    }

    /// Compacts scattered pieces, when the free places between them are counted, so that other rows can use that
    /// memory. No event may be in hand; changed records stay where they are.
    func moveTogether() {
        guard heap.freeBytes > Self.freeBytes && undo.isEmpty else { return }
        heap.beginMoving()
        index.replaceEach { moved($0) }
        heap.endMoving()
    }

    private func moved(_ old: Record) -> Record {
        var record = old
        if heap.isLeaving(old, stride) && !old.flags.contains(.dirty) {
            record = heap.takeRecord()
            record.copyMemory(from: old, byteCount: stride)
            heap.giveRecord(old)
        }
        if let key = moved(record.longKey) { record.setLongKey(key) }
        for column in definition.columns where column.type.isBlob {
            if let blob = moved(record.blob(column.offset)) { record.setBlob(column.offset, blob) }
        }
        return record
    }

    /// The blob at another place; nil where it can stay.
    private func moved(_ blob: Blob) -> Blob? {
        guard let pointer = blob.pointer, heap.isLeaving(pointer, blob.capacity) else { return nil }
        let moved = blob.moved(to: heap.take(blob.capacity))
        moved.memory.copyMemory(from: UnsafeRawBufferPointer(blob.memory))
        heap.give(pointer, blob.capacity)
        return moved
    }

    /// Returns memory that no row needs to the system.
    func giveBackMemory() {
        moveTogether()
        heap.giveBackEmptyPages()
        index.shrink()
    }

    func copy(_ bytes: UnsafeRawBufferPointer) -> Blob {
        let blob = allocate(bytes.count)
        blob.mutableBytes.copyMemory(from: bytes)
        return blob
    }

    func release(_ blob: Blob) {
        guard let pointer = blob.pointer else { return }
        blobBytes -= blob.capacity
        heap.give(pointer, blob.capacity)
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
        record.setBlob(offset, blob)
    }

    func setBytes(_ record: Record, _ offset: Int, _ bytes: UnsafeRawBufferPointer) {
        if bytes.count > Rows.longestText {
            return refuse(
                offset,
                "a text of \(definition.name) would have \(bytes.count) bytes, more than \(Rows.longestText)"
            )
        }
        if record.blob(offset).equals(bytes) { return }
        setBlob(record, offset, copy(bytes))
    }

    /// Whether a collection may have so many bytes; otherwise the event is refused.
    func isAllowed(_ count: Int, in offset: Int) -> Bool {
        if count <= Rows.largestCollection { return true }
        refuse(
            offset,
            "a collection of \(definition.name) would have \(count) bytes, more than \(Rows.largestCollection)"
        )
        return false
    }

    /// Refuses the event in hand for what it would put into a cell.
    @inline(never)
    func refuse(_ offset: Int, _ reason: String) {
        undo.refuse(EventRefusal(.outOfRange, field: definition.columns.first { $0.offset == offset }?.name, reason))
    }

    /// Creates an absent row, every column null or empty.
    func insert(_ record: Record) {
        touch(record)
        record.flags.insert(.present)
    }

    /// Removes a row: its columns are emptied and it is known not to exist.
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

    /// Takes records whose changes were undone, or written, out of the list of changed ones: their memory may hold
    /// something else once they are evicted.
    func forgetClean() {
        dirty.removeAll { !$0.flags.contains(.dirty) }
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
