/// A cell's own memory: bytes in the table's ``RowHeap``, or none when empty. The record that holds it owns it.
///
/// Lengths stay far below 2³²: texts and collections have limits (``Rows/longestText``).
struct Blob: BitwiseCopyable {
    let pointer: UnsafeMutableRawPointer?
    private var count32: UInt32
    private let capacity32: UInt32

    static var empty: Blob { Blob(pointer: nil, count: 0, capacity: 0) }

    /// Memory that this one's content was copied to.
    func moved(to pointer: UnsafeMutableRawPointer) -> Blob { Blob(pointer: pointer, count: count, capacity: capacity) }

    init(pointer: UnsafeMutableRawPointer?, count: Int, capacity: Int) {
        self.pointer = pointer
        count32 = UInt32(count)
        capacity32 = UInt32(capacity)
    }

    var count: Int { Int(count32) }
    var capacity: Int { Int(capacity32) }
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: count) }

    /// All of its memory, including what is behind the ``bytes``.
    var memory: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: pointer, count: capacity) }

    var mutableBytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: pointer, count: count) }

    mutating func setCount(_ count: Int) {
        precondition(count <= capacity, "a blob cannot outgrow its memory")
        count32 = UInt32(count)
    }

    func equals(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard let pointer, let other = other.baseAddress else { return true }
        return isSame(pointer, other, count: count)
    }
}
