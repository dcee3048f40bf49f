internal import CSimdjson

/// A cell's own memory: bytes on the heap, or none when empty. The record that holds it owns it.
struct Blob: BitwiseCopyable {
    private(set) var pointer: UnsafeMutableRawPointer?
    private(set) var count32: UInt32
    private(set) var capacity32: UInt32

    static var empty: Blob { Blob(pointer: nil, count32: 0, capacity32: 0) }

    var count: Int { Int(count32) }
    var capacity: Int { Int(capacity32) }
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: count) }

    /// Memory for `count` bytes whose content is not set yet. Lengths stay below 2³², PostgreSQL's limit for a value
    /// being 1 GiB.
    static func allocate(count: Int, capacity: Int? = nil) -> Blob {
        let capacity = (max(count, capacity ?? 0) + 15) & ~15
        guard capacity > 0 else { return .empty }
        return Blob(
            pointer: UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8),
            count32: UInt32(count),
            capacity32: UInt32(capacity)
        )
    }

    static func copy(of bytes: UnsafeRawBufferPointer) -> Blob {
        let blob = allocate(count: bytes.count)
        blob.mutableBytes.copyMemory(from: bytes)
        return blob
    }

    var mutableBytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: pointer, count: count) }

    mutating func setCount(_ count: Int) {
        precondition(count <= capacity, "a blob cannot outgrow its memory")
        count32 = UInt32(count)
    }

    func free() {
        pointer?.deallocate()
    }

    func equals(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard let pointer, let other = other.baseAddress else { return true }
        return isSame(pointer, other, count: count)
    }
}

/// The hash by which keys are found; the same in every run.
@inline(__always)
func keyHash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    refold_hash(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
}
