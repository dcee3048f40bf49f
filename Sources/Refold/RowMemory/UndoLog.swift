/// What the events of a batch changed, so that an event, or the whole batch, can be undone.
///
/// Blobs that a change replaced stay here until the change is accepted. Shared by the tables of one ``Rows`` and
/// confined to it.
final class UndoLog {
    enum Kind: UInt8 {
        /// A word of the record: `first` is what it held.
        case word
        /// The record's position, stamp and flags: `first` and `second` are what they held.
        case header
        /// A blob cell: `first` and `second` are the blob it held.
        case blob
        /// A member added to a number set in place: `first` is the member.
        case member
        /// A member added to a set of texts in place: `first` is where it begins.
        case text
    }

    struct Entry {
        let record: Record
        let first: UInt64
        let second: UInt64
        let offset: UInt16
        let table: UInt8
        let kind: Kind
    }

    private(set) var entries: ContiguousArray<Entry> = []
    private var blobEntries = 0
    /// Memory of the blobs kept here.
    private var blobBytes = 0
    /// Where the event in hand began.
    private var eventStart = 0
    /// The event in hand.
    private(set) var position: Int64 = -1
    /// Why the event in hand is refused though `apply` has not thrown: setting a cell cannot.
    private(set) var refusal: EventRefusal?
    #if DEBUG
        /// The number of events begun: a row is valid during one.
        private(set) var eventNumber = 0
    #endif

    /// Nothing can be undone.
    var isEmpty: Bool { entries.isEmpty }
    /// What it takes to undo the changes since ``accept(_:)``.
    var bytes: Int { entries.count * MemoryLayout<Entry>.stride + blobBytes }
    /// A log that grew longer for one batch is replaced.
    private static let keptEntries = 65_536

    init() { entries.reserveCapacity(1024) }

    func beginEvent(at position: Int64) {
        self.position = position
        eventStart = entries.count
        if refusal != nil { refusal = nil }
        #if DEBUG
            eventNumber += 1
        #endif
    }

    /// Refuses the event in hand.
    func refuse(_ refusal: EventRefusal) {
        if self.refusal == nil { self.refusal = refusal }
    }

    @inline(__always)
    func append(_ entry: Entry) {
        if entry.kind == .blob {
            blobEntries += 1
            blobBytes += Blob(entry.first, entry.second).capacity
        }
        entries.append(entry)
    }

    /// The records that the event in hand changed.
    var eventRecords: some Sequence<Record> { entries[eventStart...].lazy.map(\.record) }

    /// Undoes the changes of the event in hand.
    func undoEvent(_ memories: [TableMemory]) {
        undo(downTo: eventStart, memories)
    }

    /// Undoes the changes of all events since ``accept(_:)``.
    func undoAll(_ memories: [TableMemory]) {
        undo(downTo: 0, memories)
        eventStart = 0
    }

    /// Makes all changes final.
    func accept(_ memories: [TableMemory]) {
        if blobEntries > 0 {
            for entry in entries where entry.kind == .blob {
                memories[Int(entry.table)].release(Blob(entry.first, entry.second))
            }
            blobEntries = 0
            blobBytes = 0
        }
        entries.removeAll(keepingCapacity: entries.capacity <= Self.keptEntries)
        eventStart = 0
    }

    private func undo(downTo start: Int, _ memories: [TableMemory]) {
        while entries.count > start {
            let entry = entries.removeLast()
            let offset = Int(entry.offset)
            switch entry.kind {
            case .word:
                entry.record.setWord(offset, entry.first)
            case .header:
                entry.record.position = Int64(bitPattern: entry.first)
                entry.record.setWord(RecordHeader.stamp, entry.second)
            case .blob:
                blobEntries -= 1
                blobBytes -= Blob(entry.first, entry.second).capacity
                memories[Int(entry.table)].release(entry.record.blob(offset))
                entry.record.setBlob(offset, Blob(entry.first, entry.second))
            case .member:
                memories[Int(entry.table)].removeMember(UInt16(entry.first), from: entry.record, at: offset)
            case .text:
                memories[Int(entry.table)].removeText(at: Int(entry.first), from: entry.record, at: offset)
            }
        }
    }
}

extension Blob {
    /// A blob from the two words that ``words`` gave.
    init(_ first: UInt64, _ second: UInt64) {
        self = unsafeBitCast((first, second), to: Blob.self)
    }

    var words: (UInt64, UInt64) { unsafeBitCast(self, to: (UInt64, UInt64).self) }
}
