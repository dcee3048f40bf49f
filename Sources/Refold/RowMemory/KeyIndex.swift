internal import CSimdjson

/// Finds records by key: open addressing with linear probing, removal by shifting back.
///
/// Owns its slots; the records belong to the ``TableMemory``. Confined to the ``Rows`` it is part of.
struct KeyIndex: ~Copyable {
    /// The upper half of the hash is kept beside the record, so that most probes touch no record.
    private struct Slot {
        var record: Record?
        var hash: UInt64
    }

    private var slots: UnsafeMutablePointer<Slot>
    private var mask: Int
    private(set) var count = 0

    init() {
        mask = 63
        slots = Self.allocate(64)
    }

    deinit { slots.deallocate() }

    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Slot> {
        let memory = UnsafeMutableRawPointer.slab(capacity * MemoryLayout<Slot>.stride)
        let slots = memory.bindMemory(to: Slot.self, capacity: capacity)
        slots.initialize(repeating: Slot(record: nil, hash: 0), count: capacity)
        return slots
    }

    /// Memory of one entry at the lowest load, three slots of 16 bytes.
    static let bytesPerRecord = 3 * MemoryLayout<Slot>.stride

    @inline(__always)
    func find(_ key: UnsafeRawBufferPointer, hash: UInt64) -> Record? {
        var index = Int(truncatingIfNeeded: hash) & mask
        while let record = slots[index].record {
            if slots[index].hash == hash, Self.equals(record.key, key) { return record }
            index = (index + 1) & mask
        }
        return nil
    }

    @inline(__always)
    private static func equals(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        let count = left.count
        guard count == right.count else { return false }
        guard let left = left.baseAddress, let right = right.baseAddress else { return true }
        return isSame(left, right, count: count)
    }

    // MARK: Fetching into the processor's cache

    /// Begins to fetch the slot where a key is or would be.
    @inline(__always)
    func fetchSlot(_ hash: UInt64) {
        refold_prefetch(slots + (Int(truncatingIfNeeded: hash) & mask))
    }

    /// Begins to fetch the record of a key, of so many bytes.
    @inline(__always)
    func fetch(_ hash: UInt64, _ bytes: Int) {
        var index = Int(truncatingIfNeeded: hash) & mask
        while let record = slots[index].record {
            if slots[index].hash == hash { return Self.fetch(record, bytes) }
            index = (index + 1) & mask
        }
    }

    /// Begins to fetch the records of keys whose hashes differ from this one in the last two bits alone.
    @inline(__always)
    func fetchFour(_ hash: UInt64, _ bytes: Int) {
        let first = Int(truncatingIfNeeded: hash & ~3) & mask
        for index in first..<(first + 4) {
            guard let record = slots[index].record, slots[index].hash & ~3 == hash & ~3 else { continue }
            Self.fetch(record, bytes)
        }
    }

    @inline(__always)
    private static func fetch(_ record: Record, _ bytes: Int) {
        var offset = 0
        while offset < bytes {
            refold_prefetch(record + offset)
            offset += 64
        }
    }

    // MARK: Changing

    /// Adds a record whose key is not there yet.
    mutating func insert(_ record: Record) {
        if (count + 1) * 3 > (mask + 1) * 2 { grow() }
        place(Slot(record: record, hash: record.hashWord))
        count += 1
    }

    mutating func remove(_ record: Record) {
        var hole = Int(truncatingIfNeeded: record.hashWord) & mask
        while slots[hole].record != record { hole = (hole + 1) & mask }
        var next = (hole + 1) & mask
        while slots[next].record != nil {
            let home = Int(truncatingIfNeeded: slots[next].hash) & mask
            // The entry may move into the hole unless its home lies cyclically behind it.
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = Slot(record: nil, hash: 0)
        count -= 1
    }

    func forEach(_ body: (Record) throws -> Void) rethrows {
        for index in 0...mask {
            if let record = slots[index].record { try body(record) }
        }
    }

    /// Slots that finding a record reads, on average.
    var meanProbes: Double {
        var probes = 0
        for index in 0...mask where slots[index].record != nil {
            probes += (index - Int(truncatingIfNeeded: slots[index].hash)) & mask + 1
        }
        return Double(probes) / Double(max(count, 1))
    }

    private mutating func place(_ slot: Slot) {
        var index = Int(truncatingIfNeeded: slot.hash) & mask
        while slots[index].record != nil { index = (index + 1) & mask }
        slots[index] = slot
    }

    /// Lets other records take the places of those there are.
    mutating func replaceEach(_ replacement: (Record) -> Record) {
        for index in 0...mask {
            if let record = slots[index].record { slots[index].record = replacement(record) }
        }
    }

    /// Releases memory after many records were removed.
    mutating func shrink() {
        var capacity = mask + 1
        while capacity > 64 && count * 6 < capacity { capacity /= 2 }
        if capacity <= mask { resize(capacity) }
    }

    private mutating func grow() { resize((mask + 1) * 2) }

    private mutating func resize(_ capacity: Int) {
        let old = slots
        let oldCapacity = mask + 1
        mask = capacity - 1
        slots = Self.allocate(capacity)
        for index in 0..<oldCapacity where old[index].record != nil {
            place(old[index])
        }
        old.deallocate()
    }
}
