internal import CSimdjson

/// The layout of a batch's memory: this header, then the four regions it points into.
///
/// Written once, by `EventBatchBuilder.finish`. The pointers lead into the same memory, so they are valid as long as
/// its `Bytes` live.
struct BatchLayout {
    var events: UnsafePointer<EventRecord>
    var documents: UnsafePointer<RefoldDocument>
    var fields: UnsafePointer<RefoldField>
    /// The payloads' and the metadata's JSON.
    var json: UnsafePointer<UInt8>
    /// Names of undeclared types, and stream ids.
    var names: UnsafePointer<UInt8>
    var eventCount: Int
    /// The bits of the declared types that occur, ``EventType/bit``.
    var typeBits: UInt64
}

/// One event of a batch, fixed in size.
struct EventRecord {
    /// In `document`: the store has NULL there, or the column was not fetched.
    static let none: Int32 = -1
    /// In `timestamp`: the store has NULL there. No timestamp of PostgreSQL has this value.
    static let noTimestamp = Int64.min + 1

    /// In `payload`: the payload cannot be read; that document holds the reason as a JSON string.
    static func refused(by document: Int32) -> Int32 { -2 - document }

    var position: Int64
    var timestamp: Int64
    /// The id of the declared type, or `none`.
    var type: Int32
    var payload: Int32
    var metadata: Int32
    var typeNameLength: UInt32 = 0
    var typeNameOffset: UInt32 = 0
    var streamIDOffset: UInt32 = 0
    /// The length, or -1 when there is none.
    var streamIDLength: Int32 = -1
}

/// A batch's memory as its events and payloads refer to it: held, or borrowed without counting a reference.
///
/// Several runners fold the same batch at once. If each of their events, payloads and texts held the memory, they would
/// contend for its reference count, which took a quarter of a rebuild.
struct BatchStorage: @unchecked Sendable {
    // `@unchecked Sendable`: the memory is never written after `EventBatchBuilder.finish`, and `owner` keeps it alive,
    // or, where it is borrowed, the batch that the borrower holds (``EventBatch/borrow(_:)``).
    let owner: Bytes?
    let layout: UnsafePointer<BatchLayout>

    init(owner: Bytes) {
        self.owner = owner
        layout = UnsafePointer(owner.address.assumingMemoryBound(to: BatchLayout.self))
    }

    private init(borrowing layout: UnsafePointer<BatchLayout>) {
        owner = nil
        self.layout = layout
    }

    /// The same memory without holding it.
    var borrowed: BatchStorage { BatchStorage(borrowing: layout) }
}

extension Bytes {
    /// The filled memory of one batch; fields that were indexed come first.
    static func batch(
        of events: [EventRecord],
        documents: [RefoldDocument],
        indexed: UnsafeBufferPointer<RefoldField>,
        scanned: [RefoldField],
        json: [UInt8],
        names: [UInt8],
        typeBits: UInt64
    ) -> BatchStorage {
        // Every region but the last two either has a size that is a multiple of 8 or follows those that have one.
        let eventsOffset = MemoryLayout<BatchLayout>.stride
        let fieldsOffset = eventsOffset + events.count * MemoryLayout<EventRecord>.stride
        let documentsOffset = fieldsOffset + (indexed.count + scanned.count) * MemoryLayout<RefoldField>.stride
        let jsonOffset = documentsOffset + documents.count * MemoryLayout<RefoldDocument>.stride
        let namesOffset = jsonOffset + json.count
        let storage = Bytes(count: namesOffset + names.count)
        let start = storage.address

        let eventsStart = (start + eventsOffset).bindMemory(to: EventRecord.self, capacity: events.count)
        events.withUnsafeBufferPointer { eventsStart.initialize(from: $0) }
        let fieldsStart = (start + fieldsOffset)
            .bindMemory(to: RefoldField.self, capacity: indexed.count + scanned.count)
        fieldsStart.initialize(from: indexed)
        scanned.withUnsafeBufferPointer { (fieldsStart + indexed.count).initialize(from: $0) }
        let documentsStart = (start + documentsOffset).bindMemory(to: RefoldDocument.self, capacity: documents.count)
        documents.withUnsafeBufferPointer { documentsStart.initialize(from: $0) }
        let jsonStart = (start + jsonOffset).bindMemory(to: UInt8.self, capacity: json.count)
        json.withUnsafeBufferPointer { jsonStart.initialize(from: $0) }
        let namesStart = (start + namesOffset).bindMemory(to: UInt8.self, capacity: names.count)
        names.withUnsafeBufferPointer { namesStart.initialize(from: $0) }

        start.bindMemory(to: BatchLayout.self, capacity: 1).initialize(
            to: BatchLayout(
                events: eventsStart,
                documents: documentsStart,
                fields: fieldsStart,
                json: jsonStart,
                names: namesStart,
                eventCount: events.count,
                typeBits: typeBits
            )
        )
        return BatchStorage(owner: storage)
    }
}

extension UnsafeMutablePointer {
    /// Copies all of `source`, which may be empty and have no address.
    fileprivate func initialize(from source: UnsafeBufferPointer<Pointee>) {
        if let address = source.baseAddress {
            initialize(from: address, count: source.count)
        }
    }
}
