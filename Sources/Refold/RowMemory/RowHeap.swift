internal import Glibc

/// The memory of one table: records, blobs and long keys.
///
/// Pages of 64 KiB each hold pieces of one length, so that a piece given back is reused for pieces of that length, and
/// a page without pieces for any length. Lengths grow by a quarter at most, except that of records, so that a value
/// growing in steps leaves no more behind than it uses. Pages are aligned to their size: a piece's address gives its
/// page, and the page the rest. Owned by the ``TableMemory``.
struct RowHeap: ~Copyable {
    /// Lengths are multiples of this.
    private static let granule = 16
    /// Longer pieces are allocated on their own: texts that long are rare.
    private static let longest = 4096
    private static let pageBytes = 64 << 10
    /// A small table must not take a large slab.
    private static let smallSlabs = 16
    /// The class of records, behind those of ``place(of:)``.
    private static let records = 29

    private typealias Page = UnsafeMutablePointer<PageHeader>

    /// The start of a page; its pieces follow.
    private struct PageHeader {
        /// Neighbours among the pages of the class that have room.
        var next: Page?
        var previous: Page?
        /// Pieces given back: the first word of each leads to the next.
        var free: UnsafeMutableRawPointer?
        /// Where pieces were never taken.
        var untouched: Int32
        /// Pieces that are taken.
        var taken: Int32 = 0
        let length: Int32
        let place: Int32
        var isListed = false
        /// Its pieces are to move to other pages.
        var isLeaving = false

        static let bytes = 64

        var hasRoom: Bool { free != nil || Int(untouched) + Int(length) <= RowHeap.pageBytes }
        /// Bytes that were given back.
        var freeBytes: Int { Int(untouched) - Self.bytes - Int(taken) * Int(length) }
    }

    private let recordBytes: Int
    private var slabs: [UnsafeMutableRawPointer] = []
    /// What is left of the newest slab.
    private var next: UnsafeMutableRawPointer?
    private var left = 0
    /// Every page that was ever used, and those of them without pieces.
    private var pages: [UnsafeMutableRawPointer] = []
    private var empty: [UnsafeMutableRawPointer] = []
    /// Empty pages whose memory was returned to the system.
    private var returned: [UnsafeMutableRawPointer] = []
    /// By class, the first page that has room.
    private let roomy: UnsafeMutablePointer<Page?>
    private var long: Set<UnsafeMutableRawPointer> = []
    /// Bytes that were given back and lie among pieces.
    private(set) var freeBytes = 0

    /// - Parameter recordBytes: the length of records, a multiple of 16.
    init(recordBytes: Int) {
        self.recordBytes = recordBytes
        roomy = .allocate(capacity: Self.records + 1)
        roomy.initialize(repeating: nil, count: Self.records + 1)
    }

    deinit {
        for slab in slabs { slab.deallocate() }
        for piece in long { piece.deallocate() }
        roomy.deallocate()
    }

    /// The next multiple of 16.
    static func aligned(_ length: Int) -> Int { (length + granule - 1) & ~(granule - 1) }

    /// The length of the piece that holds so many bytes: multiples of 16 up to 128, then four to each doubling.
    static func rounded(_ length: Int) -> Int {
        if length <= 128 || length > longest { return aligned(length) }
        let step = 1 << (bitWidth(length - 1) - 3)
        return (length + step - 1) & ~(step - 1)
    }

    /// The class of a ``rounded(_:)`` length up to the ``longest``.
    private static func place(of length: Int) -> Int {
        if length <= 128 { return length / granule }
        let width = bitWidth(length - 1)
        return (width - 7) * 4 + 1 + (length - 1) >> (width - 3)
    }

    private static func bitWidth(_ number: Int) -> Int { Int.bitWidth - number.leadingZeroBitCount }

    // MARK: Taking and giving back

    /// A piece of a ``rounded(_:)`` length above 0; what is in it is not set.
    mutating func take(_ length: Int) -> UnsafeMutableRawPointer {
        if length > Self.longest {
            let piece = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: Self.granule)
            long.insert(piece)
            return piece
        }
        return take(length, Self.place(of: length))
    }

    /// Takes back a piece that was taken with that length.
    mutating func give(_ piece: UnsafeMutableRawPointer, _ length: Int) {
        if length > Self.longest {
            long.remove(piece)
            piece.deallocate()
            return
        }
        give(piece)
    }

    /// A piece for a record; what is in it is not set.
    mutating func takeRecord() -> UnsafeMutableRawPointer { take(recordBytes, Self.records) }

    /// Takes back the piece of a record.
    mutating func giveRecord(_ piece: UnsafeMutableRawPointer) { give(piece) }

    @inline(__always)
    private mutating func take(_ length: Int, _ place: Int) -> UnsafeMutableRawPointer {
        let page = roomy[place] ?? addPage(length, place)
        page.pointee.taken += 1
        let piece: UnsafeMutableRawPointer
        if let free = page.pointee.free {
            piece = free
            page.pointee.free = free.load(as: UnsafeMutableRawPointer?.self)
            freeBytes -= length
        } else {
            piece = UnsafeMutableRawPointer(page) + Int(page.pointee.untouched)
            page.pointee.untouched += Int32(length)
        }
        if !page.pointee.hasRoom { delist(page) }
        return piece
    }

    private mutating func give(_ piece: UnsafeMutableRawPointer) {
        let page = Self.page(of: piece)
        piece.storeBytes(of: page.pointee.free, as: UnsafeMutableRawPointer?.self)
        page.pointee.free = piece
        page.pointee.taken -= 1
        freeBytes += Int(page.pointee.length)
        if page.pointee.taken == 0 {
            freeBytes -= page.pointee.freeBytes
            if page.pointee.isListed { delist(page) }
            empty.append(UnsafeMutableRawPointer(page))
        } else if !page.pointee.isListed && !page.pointee.isLeaving {
            list(page)
        }
    }

    private static func page(of piece: UnsafeMutableRawPointer) -> Page {
        let offset = Int(bitPattern: piece) & (pageBytes - 1)
        return (piece - offset).assumingMemoryBound(to: PageHeader.self)
    }

    // MARK: Pages

    private func list(_ page: Page) {
        let place = Int(page.pointee.place)
        page.pointee.isListed = true
        page.pointee.previous = nil
        page.pointee.next = roomy[place]
        roomy[place]?.pointee.previous = page
        roomy[place] = page
    }

    private func delist(_ page: Page) {
        page.pointee.isListed = false
        let (next, previous) = (page.pointee.next, page.pointee.previous)
        next?.pointee.previous = previous
        if let previous { previous.pointee.next = next } else { roomy[Int(page.pointee.place)] = next }
    }

    private mutating func addPage(_ length: Int, _ place: Int) -> Page {
        let memory = empty.popLast() ?? returned.popLast() ?? cutPage()
        let page = memory.bindMemory(to: PageHeader.self, capacity: 1)
        page.initialize(
            to: PageHeader(untouched: Int32(PageHeader.bytes), length: Int32(length), place: Int32(place))
        )
        list(page)
        return page
    }

    private mutating func cutPage() -> UnsafeMutableRawPointer {
        if left == 0 {
            left = slabs.count < Self.smallSlabs ? Self.pageBytes : UnsafeMutableRawPointer.hugePageBytes
            let slab = UnsafeMutableRawPointer.slab(left, alignment: Self.pageBytes)
            slabs.append(slab)
            next = slab
        }
        guard let page = next else { preconditionFailure("a slab has pages") }
        next = page + Self.pageBytes
        left -= Self.pageBytes
        pages.append(page)
        return page
    }

    // MARK: Moving together

    /// Marks the pages with the fewest pieces, as many as the others of their class have room for.
    mutating func beginMoving() {
        var byClass = [[Page]](repeating: [], count: Self.records + 1)
        for memory in pages {
            let page = memory.assumingMemoryBound(to: PageHeader.self)
            if page.pointee.taken > 0 { byClass[Int(page.pointee.place)].append(page) }
        }
        for var pages in byClass where pages.count > 1 {
            pages.sort { $0.pointee.taken > $1.pointee.taken }
            let room = (Self.pageBytes - PageHeader.bytes) / Int(pages[0].pointee.length)
            let taken = pages.reduce(0) { $0 + Int($1.pointee.taken) }
            for page in pages[((taken + room - 1) / room)...] {
                page.pointee.isLeaving = true
                if page.pointee.isListed { delist(page) }
            }
        }
    }

    /// Whether a piece of that length is to move: taken anew, copied, and given back.
    func isLeaving(_ piece: UnsafeMutableRawPointer, _ length: Int) -> Bool {
        length <= Self.longest && Self.page(of: piece).pointee.isLeaving
    }

    /// Opens the marked pages that were not emptied, and gives the system the memory of those that are.
    mutating func endMoving() {
        for memory in pages {
            let page = memory.assumingMemoryBound(to: PageHeader.self)
            guard page.pointee.isLeaving else { continue }
            page.pointee.isLeaving = false
            if page.pointee.taken > 0 && page.pointee.hasRoom { list(page) }
        }
        giveBackEmptyPages()
    }

    /// Returns the memory of pages without pieces to the system, for other tables.
    mutating func giveBackEmptyPages() {
        for page in empty { madvise(page, Self.pageBytes, MADV_DONTNEED) }
        returned += empty
        empty.removeAll()
    }
}

extension UnsafeMutableRawPointer {
    /// The size of a huge page on x86-64 and, with small pages of 4 KiB, on ARM.
    static let hugePageBytes = 2 << 20

    /// Memory for random access: in huge pages where it is large and the system has any. With small ones every other
    /// access to tens of megabytes waits for the page tables, too.
    static func slab(_ bytes: Int, alignment: Int = 64) -> UnsafeMutableRawPointer {
        guard bytes >= hugePageBytes else { return .allocate(byteCount: bytes, alignment: alignment) }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: hugePageBytes)
        // A request: where it is not granted, the memory is as usable, only slower.
        madvise(memory, bytes, MADV_HUGEPAGE)
        return memory
    }
}
