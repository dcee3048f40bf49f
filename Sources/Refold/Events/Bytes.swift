/// Memory for bytes, in one piece with the object that owns it: a strong reference and nothing else.
///
/// The memory never moves, so a pointer into it is good for as long as a reference is held.
@usableFromInline
struct Bytes: @unchecked Sendable {
    // `@unchecked Sendable`: whoever allocates the memory fills it before handing it on, and nobody writes after.
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
