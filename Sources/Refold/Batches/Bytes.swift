/// Memory for bytes, in one piece with the object that owns it: a strong reference and nothing else.
///
/// The memory never moves, so a pointer into it is good for as long as a reference is held.
@usableFromInline
struct Bytes: @unchecked Sendable {
    // `@unchecked Sendable`: the memory is filled before it is handed on, and never written after.
    @usableFromInline let buffer: Buffer

    @usableFromInline
    final class Buffer: ManagedBuffer<Void, UInt64> {}

    /// Uninitialised memory of at least `count` bytes, aligned to 8.
    init(count: Int) {
        let buffer = Buffer.create(minimumCapacity: (count + 7) / 8) { _ in }
        self.buffer = unsafeDowncast(buffer, to: Buffer.self)
    }

    @usableFromInline
    var address: UnsafeMutableRawPointer {
        buffer.withUnsafeMutablePointerToElements { UnsafeMutableRawPointer($0) }
    }
}

/// Whether two pieces of memory hold the same bytes.
///
/// Names, ids and keys have a few dozen bytes: comparing them word by word in place takes half the time of calling
/// `memcmp`.
@inline(__always)
func isSame(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, count: Int) -> Bool {
    if count < 8 {
        var offset = 0
        while offset < count {
            if left.load(fromByteOffset: offset, as: UInt8.self) != right.load(fromByteOffset: offset, as: UInt8.self) {
                return false
            }
            offset += 1
        }
        return true
    }
    // The last word may overlap the one before it.
    let last = count - 8
    var offset = 0
    while offset < last {
        if !isSameWord(left, right, at: offset) { return false }
        offset += 8
    }
    return isSameWord(left, right, at: last)
}

@inline(__always)
private func isSameWord(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, at offset: Int) -> Bool {
    left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        == right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
}
