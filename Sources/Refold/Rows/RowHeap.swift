internal import Glibc

/// The memory of one table: records, blobs and long keys, cut from slabs in the order they are asked for.
///
/// The pieces of a row lie beside each other then, without what `malloc` puts before each, and a table of a million
/// pieces goes in a few calls. What is given back is used again for pieces of the same length. Owned by the
/// ``TableMemory``.
struct RowHeap: ~Copyable {
    /// Lengths are multiples of this.
    private static let granule = 16
    /// Longer pieces are allocated on their own: texts that long are rare.
    private static let longest = 4096
    /// A small table shall not take a large slab.
    private static let smallSlabs = (bytes: 64 << 10, count: 16)
    private static let largeSlabBytes = UnsafeMutableRawPointer.hugePageBytes

    private var slabs: [UnsafeMutableRawPointer] = []
    /// What is left of the newest slab.
    private var next: UnsafeMutableRawPointer?
    private var left = 0
    /// Pieces given back, by length: the first word of each leads to the next.
    private let free: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private var long: Set<UnsafeMutableRawPointer> = []

    init() {
        let lengths = Self.longest / Self.granule + 1
        free = .allocate(capacity: lengths)
        free.initialize(repeating: nil, count: lengths)
    }

    deinit {
        for slab in slabs { slab.deallocate() }
        for piece in long { piece.deallocate() }
        free.deallocate()
    }

    /// The length of the piece that holds so many bytes.
    static func rounded(_ length: Int) -> Int { (length + granule - 1) & ~(granule - 1) }

    /// A piece of a ``rounded(_:)`` length above 0; what is in it is not set.
    mutating func take(_ length: Int) -> UnsafeMutableRawPointer {
        if length > Self.longest {
            let piece = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: Self.granule)
            long.insert(piece)
            return piece
        }
        if let piece = free[length / Self.granule] {
            free[length / Self.granule] = piece.load(as: UnsafeMutableRawPointer?.self)
            return piece
        }
        let piece = left >= length ? next! : addSlab()
        next = piece + length
        left -= length
        return piece
    }

    /// Takes back a piece that was taken with that length.
    mutating func give(_ piece: UnsafeMutableRawPointer, _ length: Int) {
        if length > Self.longest {
            long.remove(piece)
            piece.deallocate()
            return
        }
        piece.storeBytes(of: free[length / Self.granule], as: UnsafeMutableRawPointer?.self)
        free[length / Self.granule] = piece
    }

    private mutating func addSlab() -> UnsafeMutableRawPointer {
        left = slabs.count < Self.smallSlabs.count ? Self.smallSlabs.bytes : Self.largeSlabBytes
        let slab = UnsafeMutableRawPointer.slab(left)
        slabs.append(slab)
        return slab
    }
}

extension UnsafeMutableRawPointer {
    /// The size of a huge page on x86-64 and, with small pages of 4 KiB, on ARM.
    static let hugePageBytes = 2 << 20

    /// Memory for much random access: in huge pages where it is large and the system has them to give. With small ones
    /// every other access to tens of megabytes waits for the page tables, too.
    static func slab(_ bytes: Int) -> UnsafeMutableRawPointer {
        guard bytes >= hugePageBytes else { return .allocate(byteCount: bytes, alignment: 64) }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: hugePageBytes)
        // A wish: where it is not granted, the memory is as good and slower.
        madvise(memory, bytes, MADV_HUGEPAGE)
        return memory
    }
}
