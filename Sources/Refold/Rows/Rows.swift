/// The rows of a projection's tables, as if all of them were in memory.
///
/// Rows are reached by key. One that is not in memory makes the look-up throw; the engine loads it and applies the
/// event again. Confined to one task at a time.
public final class Rows {
    package let memories: [TableMemory]
    /// The same, for look-ups that count no references.
    private let tables: ContiguousArray<Unmanaged<TableMemory>>
    let undo = UndoLog()
    /// Nil for a projection that emits nothing.
    let emissions: EmissionLog?
    private var prefetcher = KeyPrefetcher()
    /// Keys that the pass in hand looked for and did not find, by table.
    package private(set) var missingKeys: [Set<EncodedKey>]
    private var eventMissed = false
    /// Records whose content is unknown for the rest of the pass, because an event that changes them missed a row.
    private var unknown: Set<UnsafeMutableRawPointer> = []
    private var keyBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 8)
    private var stamp: UInt32 = 0

    /// - Parameters:
    ///   - isComplete: the tables are empty, so what is not in memory does not exist.
    ///   - emits: what is kept of what events emit; nil for a projection that emits nothing.
    package init(_ model: ReadModel, isComplete: Bool, emits: EmissionScope? = nil) {
        let undo = undo
        emissions = emits.map { EmissionLog($0) }
        memories = model.tables.enumerated().map {
            TableMemory($1, tableIndex: $0, undo: undo, isComplete: isComplete)
        }
        tables = ContiguousArray(memories.map { .passUnretained($0) })
        missingKeys = model.tables.map { _ in [] }
    }

    deinit { keyBuffer.deallocate() }

    /// Bytes that a key may have, all of its columns together, a text with 4 and an integer with 8 beside it: an entry
    /// of PostgreSQL's index has at most 2,704 bytes, and what cannot be compressed has to fit too. A longer one
    /// refuses the event that would insert it, and finds no row.
    public static let longestKey = 2_000
    /// Bytes that a text may have, 256 MiB: with the rest of its row it has to fit into a gibibyte, PostgreSQL's limit
    /// for a value, a parameter and a row.
    public static let longestText = 256 << 20
    /// Bytes that a list or set of texts may have together, 64 MiB, each text with 4 more for its length: `jsonb` holds
    /// at most 256 MiB and some thirty million members, and its text, in which a character may take six bytes, has to
    /// fit too.
    public static let largestCollection = 64 << 20

    // MARK: For projections

    /// The row with a text key, or nil when there is none.
    public func find(_ table: Table, _ key: Text) throws -> Row? {
        prefetcher.note(table.index, key)
        return try withMemory(of: table, .text) { memory in
            try key.withBytes { try row(memory, record(memory, $0, prefetcher.hash(of: $0))) }
        }
    }

    /// The row with an integer key, or nil when there is none.
    public func find(_ table: Table, _ key: Int64) throws -> Row? {
        try withMemory(of: table, .integer) { memory in
            try withUnsafeBytes(of: key.littleEndian) { try row(memory, record(memory, $0, keyHash($0))) }
        }
    }

    /// The row with a day for its key, or nil when there is none.
    public func find(_ table: Table, _ key: Day) throws -> Row? {
        try withMemory(of: table, .date) { memory in
            try withUnsafeBytes(of: key.rawValue.littleEndian) { try row(memory, record(memory, $0, keyHash($0))) }
        }
    }

    /// The row with a key of a text and an integer, or nil when there is none.
    public func find(_ table: Table, _ key: Text, _ part: Int64) throws -> Row? {
        prefetcher.note(table.index, key)
        return try withMemory(of: table, .textAndInteger) { memory in
            let hash = keyHash(text: key.withBytes { prefetcher.hash(of: $0) }, part)
            return try row(memory, record(memory, encode(key, part), hash))
        }
    }

    /// The row with a key of a time and a text, or nil when there is none.
    public func find(_ table: Table, _ key: Timestamp, _ part: Text) throws -> Row? {
        try withMemory(of: table, .timestampAndText) { memory in
            let bytes = encode(key, part)
            return try row(memory, record(memory, bytes, keyHash(bytes)))
        }
    }

    /// The row with a text key; when there is none it is inserted, every column null or empty.
    public func findOrInsert(_ table: Table, _ key: Text) throws -> Row {
        prefetcher.note(table.index, key)
        return try withMemory(of: table, .text) { memory in
            try key.withBytes { try findOrInsert(memory, $0, prefetcher.hash(of: $0)) }
        }
    }

    /// The row with an integer key; when there is none it is inserted, every column null or empty.
    public func findOrInsert(_ table: Table, _ key: Int64) throws -> Row {
        try withMemory(of: table, .integer) { memory in
            try withUnsafeBytes(of: key.littleEndian) { try findOrInsert(memory, $0, keyHash($0)) }
        }
    }

    /// The row with a day for its key; when there is none it is inserted, every column null or empty.
    public func findOrInsert(_ table: Table, _ key: Day) throws -> Row {
        try withMemory(of: table, .date) { memory in
            try withUnsafeBytes(of: key.rawValue.littleEndian) { try findOrInsert(memory, $0, keyHash($0)) }
        }
    }

    /// The row with a key of a text and an integer; when there is none it is inserted, every column null or empty.
    public func findOrInsert(_ table: Table, _ key: Text, _ part: Int64) throws -> Row {
        prefetcher.note(table.index, key)
        return try withMemory(of: table, .textAndInteger) { memory in
            let hash = keyHash(text: key.withBytes { prefetcher.hash(of: $0) }, part)
            return try findOrInsert(memory, encode(key, part), hash)
        }
    }

    /// The row with a key of a time and a text; when there is none it is inserted, every column null or empty.
    public func findOrInsert(_ table: Table, _ key: Timestamp, _ part: Text) throws -> Row {
        try withMemory(of: table, .timestampAndText) { memory in
            let bytes = encode(key, part)
            return try findOrInsert(memory, bytes, keyHash(bytes))
        }
    }

    /// Makes sure that the rows with these keys are in memory, as far as they exist: those that are not are loaded
    /// together. For an event that needs several rows; each look-up alone finds one that is missing and makes the event
    /// start over.
    public func load(_ table: Table, _ keys: [Text]) throws {
        try withMemory(of: table, .text) { memory in
            guard !memory.isComplete else { return }
            var miss: (any Error)?
            for key in keys {
                do {
                    _ = try key.withBytes { try record(memory, $0, keyHash($0)) }
                } catch {
                    miss = error
                }
            }
            if let miss { throw miss }
        }
    }

    @inline(__always)
    private func withMemory<R>(
        of table: Table,
        _ keyForm: KeyForm,
        _ body: (TableMemory) throws -> R
    ) rethrows -> R {
        precondition(table.keyForm == keyForm, "the key of table \(table.name) has other columns")
        return try tables[table.index]._withUnsafeGuaranteedRef { memory in
            precondition(memory.identity == table.identity, "table \(table.name) belongs to another projection")
            return try body(memory)
        }
    }

    private func findOrInsert(_ memory: TableMemory, _ key: UnsafeRawBufferPointer, _ hash: UInt64) throws -> Row {
        // A B-tree entry has at most 2,704 bytes; a key that might not fit is refused before anything is folded on it.
        if key.count > Self.longestKey {
            throw EventRefusal(
                .outOfRange,
                field: memory.definition.key[0].name,
                "a key of \(memory.definition.name) has \(key.count) bytes, more than \(Self.longestKey)"
            )
        }
        let record = try record(memory, key, hash) ?? memory.makeRecord(key, hash: hash)
        if !record.flags.contains(.present) { memory.insert(record) }
        return Row(record: record, memory: memory)
    }

    @inline(__always)
    private func row(_ memory: TableMemory, _ record: Record?) -> Row? {
        guard let record, record.flags.contains(.present) else { return nil }
        return Row(record: record, memory: memory)
    }

    /// The record of a key, nil when no such row exists and nothing is kept about it.
    @inline(__always)
    private func record(_ memory: TableMemory, _ key: UnsafeRawBufferPointer, _ hash: UInt64) throws -> Record? {
        if let record = memory.index.find(key, hash: hash) {
            if !unknown.isEmpty && unknown.contains(record) { throw miss() }
            record.stamp = stamp
            return record
        }
        if memory.isComplete || key.count > Self.longestKey { return nil }
        missingKeys[memory.tableIndex].insert(EncodedKey(bytes: [UInt8](key)))
        throw miss()
    }

    private func miss() -> RowMissing {
        eventMissed = true
        return RowMissing()
    }

    /// A text and an integer: the text's length, the text, the integer.
    private func encode(_ text: Text, _ number: Int64) -> UnsafeRawBufferPointer {
        let count = 4 + text.count + 8
        makeRoom(for: count)
        keyBuffer.storeBytes(of: UInt32(text.count).littleEndian, as: UInt32.self)
        text.withBytes { UnsafeMutableRawBufferPointer(rebasing: keyBuffer[4..<(4 + $0.count)]).copyMemory(from: $0) }
        keyBuffer.storeBytes(of: number.littleEndian, toByteOffset: 4 + text.count, as: Int64.self)
        return UnsafeRawBufferPointer(rebasing: keyBuffer[..<count])
    }

    /// A time and a text: the time's microseconds, the text.
    private func encode(_ time: Timestamp, _ text: Text) -> UnsafeRawBufferPointer {
        let count = 8 + text.count
        makeRoom(for: count)
        keyBuffer.storeBytes(of: time.rawValue.littleEndian, as: Int64.self)
        text.withBytes { UnsafeMutableRawBufferPointer(rebasing: keyBuffer[8..<count]).copyMemory(from: $0) }
        return UnsafeRawBufferPointer(rebasing: keyBuffer[..<count])
    }

    private func makeRoom(for count: Int) {
        guard keyBuffer.count < count else { return }
        keyBuffer.deallocate()
        keyBuffer = .allocate(byteCount: count * 2, alignment: 8)
    }

    // MARK: For the engine: passes over a batch

    /// Bytes that the rows take in memory.
    package var bytes: Int { memories.reduce(0) { $0 + $1.bytes } }

    /// About how many bytes of rows have changed since the last window was taken.
    package var changedBytes: Int { memories.reduce(0) { $0 + $1.changedBytes } }

    /// Whether every row that exists is in memory, so that no look-up can miss.
    package var isComplete: Bool { memories.allSatisfy { $0.isComplete } }

    /// Whether the pass in hand missed rows.
    package var hasMissingKeys: Bool { missingKeys.contains { !$0.isEmpty } }

    /// Starts a pass over a batch: rows touched from here on are pinned.
    package func beginPass() {
        stamp &+= 1
        for memory in memories { memory.stamp = stamp }
        unknown.removeAll()
        emissions?.beginPass()
        prefetcher.forgetKeys()
        for index in missingKeys.indices where !missingKeys[index].isEmpty { missingKeys[index].removeAll() }
    }

    /// Events that are looked ahead at together.
    package static let lookAheadDistance = KeyPrefetcher.distance

    /// Begins to fetch the rows that events of the pass will look up; to be called for each stretch of at most
    /// ``lookAheadDistance`` events before they are applied.
    package func lookAhead(at stretch: Range<Int>, of batch: EventBatch) {
        prefetcher.look(at: stretch, of: batch, in: tables)
    }

    /// Applies one event; what it changed is undone when it is refused or misses a row.
    package func apply(_ event: Event, with projection: any Projection) -> Application {
        eventMissed = false
        prefetcher.begin(event)
        undo.beginEvent(at: event.position.rawValue)
        emissions?.begin(event)
        do {
            try projection.apply(event, to: self)
            // A projection that swallowed the miss has taken a row that is not in memory for absent.
            if !eventMissed {
                guard let refusal = undo.refusal else { return .applied }
                undoEvent()
                return .refused(refusal)
            }
        } catch {
            if !eventMissed {
                undoEvent()
                return .refused(error)
            }
        }
        unknown.formUnion(undo.eventRecords)
        undoEvent()
        return .missed
    }

    private func undoEvent() {
        undo.undoEvent(memories)
        emissions?.undoEvent()
    }

    /// Bytes that undoing the pass takes. A pass that takes much should be ended, and accepted, before its batch ends:
    /// an event of a few bytes may replace a value of many.
    package var undoBytes: Int { undo.bytes + (emissions?.passBytes ?? 0) }
    /// What undoing a pass should take at most.
    package static let mostUndoBytes = 8 << 20

    /// Makes the changes of the pass final.
    package func acceptPass() { undo.accept(memories) }

    /// Undoes the changes of the pass.
    package func undoPass() {
        undo.undoAll(memories)
        emissions?.undoPass()
    }

    /// What became of an event.
    package enum Application {
        case applied
        /// A row was not in memory.
        case missed
        case refused(any Error)
    }

    /// Makes free places between rows useful for other rows.
    package func moveTogether() {
        for memory in memories { memory.moveTogether() }
    }

    /// Evicts the least recently touched clean rows until at most `target` bytes are in use, those of the batch in hand
    /// apart.
    package func evict(downTo target: Int) {
        let excess = bytes - target
        guard excess > 0 else { return }
        for memory in memories {
            let share = Int(Double(memory.bytes) / Double(max(bytes, 1)) * Double(excess))
            memory.evict(atLeast: share, keeping: stamp)
        }
    }
}

/// A look-up needed a row that is not in memory; let the error propagate.
struct RowMissing: Error {}

/// The bytes of a key: the parts in order, a text that is not the last with its length before it, integers and
/// times as 64 bits and days as 32 bits, little-endian.
package struct EncodedKey: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }
}

extension Rows {
    /// An estimate of what loading the missing rows takes, from the average row of each table.
    package var missingBytes: Int {
        zip(memories, missingKeys).reduce(0) { sum, table in
            let (memory, keys) = table
            let average = memory.recordCount > 0 ? memory.bytes / memory.recordCount : 512
            return sum + average * keys.count
        }
    }
}
