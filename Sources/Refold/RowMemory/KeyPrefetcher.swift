internal import CSimdjson

/// Brings the rows that coming events will look up near the processor.
///
/// Waiting for a row that is far from the processor takes longer than applying an event, and only the projection knows
/// which rows it will ask for. But events of one type look rows up by the same fields: the first events of a type show
/// which table is searched with the text of which field. For the next events those texts are hashed, and index slots
/// and records fetched, all at once instead of each when it is needed. A wrong guess costs a little time and changes
/// nothing.
///
/// Confined to the ``Rows`` it is part of.
struct KeyPrefetcher: ~Copyable {
    /// How many events are looked at together: their rows fit the nearest cache.
    static let distance = 32
    /// How many events of a type are learned from.
    private static let lessons = 16
    /// How many types, by their ids, and look-ups of each are learned; later ones are not prefetched.
    private static let types = 64
    private static let lookups = 4

    /// What events of one type ask for.
    private struct LookupPattern {
        var lookups = InlineArray<4, (table: Int32, field: Int32)>(repeating: (0, 0))
        var count = 0
        var lessonsLeft = KeyPrefetcher.lessons
    }

    /// A text of an event that a table will be searched with.
    private struct Key {
        var start: UnsafePointer<UInt8>?
        var count: Int32 = 0
        /// The index of the table; below 0 for no key.
        var table: Int32 = -1
        var hash: UInt64 = 0
    }

    /// By type.
    private let patterns: UnsafeMutablePointer<LookupPattern>
    /// ``lookups`` for each event of the stretch that was looked at, then as many that are none.
    private let keys: UnsafeMutablePointer<Key>
    private var noKeys: UnsafeMutablePointer<Key> { keys + Self.distance * Self.lookups }
    private var stretch: Range<Int> = 0..<0
    private var layout: UnsafePointer<BatchLayout>?
    /// The keys of the event in hand.
    private var current: UnsafeMutablePointer<Key>
    /// The type and the payload of the event in hand, where it is learned from.
    private var lesson: (type: Int, document: RefoldDocument, layout: UnsafePointer<BatchLayout>)?

    init() {
        patterns = .allocate(capacity: Self.types)
        patterns.initialize(repeating: LookupPattern(), count: Self.types)
        let count = (Self.distance + 1) * Self.lookups
        keys = .allocate(capacity: count)
        keys.initialize(repeating: Key(), count: count)
        current = keys + Self.distance * Self.lookups
    }

    deinit {
        patterns.deallocate()
        keys.deallocate()
    }

    /// Forgets the keys before the batch that holds them is released.
    mutating func forgetKeys() {
        stretch = 0..<0
        layout = nil
        current = noKeys
    }

    // MARK: Looking ahead

    /// Looks at the events of a stretch of at most ``distance``; the batch is held until ``forgetKeys()``.
    mutating func look(at stretch: Range<Int>, of batch: EventBatch, in tables: ContiguousArray<Unmanaged<TableMemory>>)
    {
        precondition(stretch.count <= Self.distance, "only so many events are looked at together")
        let layout = batch.storage.layout
        (self.stretch, self.layout) = (stretch, layout)
        var key = keys
        for index in stretch {
            foresee(layout, index, into: key)
            for place in 0..<Self.lookups where key[place].table >= 0 {
                tables[Int(key[place].table)]._withUnsafeGuaranteedRef { $0.fetchSlot(text: key[place].hash) }
            }
            key += Self.lookups
        }
        // The slots are here by now, or on their way together.
        for place in 0..<(stretch.count * Self.lookups) where keys[place].table >= 0 {
            tables[Int(keys[place].table)]._withUnsafeGuaranteedRef { $0.fetchRecords(text: keys[place].hash) }
        }
    }

    @inline(__always)
    private func foresee(_ layout: UnsafePointer<BatchLayout>, _ index: Int, into keys: UnsafeMutablePointer<Key>) {
        for place in 0..<Self.lookups { keys[place].table = -1 }
        let event = layout.pointee.events + index
        let type = Int(event.pointee.type)
        guard type >= 0, type < Self.types, event.pointee.payload >= 0 else { return }
        let document = layout.pointee.documents + Int(event.pointee.payload)
        let fields = layout.pointee.fields + Int(document.pointee.first_field)
        let pattern = patterns + type
        for place in 0..<pattern.pointee.count {
            let (table, field) = pattern.pointee.lookups[place]
            guard field < document.pointee.field_count else { continue }
            // Without the quotes; of a text with escapes the length is beyond all bounds.
            let count = Int(fields[Int(field)].value_length) - 2
            guard count >= 0, count <= Rows.longestKey else { continue }
            let start = layout.pointee.json + (Int(fields[Int(field)].value_offset) + 1)
            let hash = keyHash(UnsafeRawBufferPointer(start: start, count: count))
            keys[place] = Key(start: start, count: Int32(count), table: table, hash: hash)
        }
    }

    // MARK: Applying

    /// The event is applied next.
    @inline(__always)
    mutating func begin(_ event: Event) {
        let (index, layout) = (Int(event.index), event.storage.layout)
        let isForeseen = stretch.contains(index) && layout == self.layout
        current = isForeseen ? keys + (index - stretch.lowerBound) * Self.lookups : noKeys
        lesson = nil
        let type = Int(layout.pointee.events[index].type)
        if type >= 0 && type < Self.types && patterns[type].lessonsLeft > 0 { beginLesson(event, type) }
    }

    /// The hash of a text of the event in hand.
    @inline(__always)
    func hash(of text: UnsafeRawBufferPointer) -> UInt64 {
        let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self)
        for place in 0..<Self.lookups {
            let key = current + place
            if key.pointee.start == start && Int(key.pointee.count) == text.count && key.pointee.table >= 0 {
                return key.pointee.hash
            }
        }
        return keyHash(text)
    }

    // MARK: Learning

    @inline(never)
    private mutating func beginLesson(_ event: Event, _ type: Int) {
        patterns[type].lessonsLeft -= 1
        let (layout, document) = (event.storage.layout, event.payload.document)
        if document >= 0 { lesson = (type, layout.pointee.documents[Int(document)], layout) }
    }

    /// The event in hand searches a table with a text.
    @inline(__always)
    mutating func note(_ table: Int, _ text: Text) {
        if lesson != nil { learn(Int32(table), text) }
    }

    @inline(never)
    private mutating func learn(_ table: Int32, _ text: Text) {
        guard let (type, document, layout) = lesson else { return }
        let offset = text.start - layout.pointee.json
        for field in 0..<max(0, document.field_count) {
            let value = layout.pointee.fields[Int(document.first_field) + Int(field)]
            guard Int(value.value_offset) + 1 == offset, patterns[type].count < Self.lookups else { continue }
            let isKnown = (0..<patterns[type].count).contains { patterns[type].lookups[$0] == (table, field) }
            if isKnown { return }
            patterns[type].lookups[patterns[type].count] = (table, field)
            patterns[type].count += 1
        }
    }
}

extension TableMemory {
    /// Begins to fetch the index slots of a text key, or of the keys of a text and the first integers.
    @inline(__always)
    fileprivate func fetchSlot(text hash: UInt64) {
        index.fetchSlot(keyHasParts ? keyHash(text: hash, 0) : hash)
    }

    /// Begins to fetch the records of these keys, as far as there are any.
    @inline(__always)
    fileprivate func fetchRecords(text hash: UInt64) {
        if keyHasParts { index.fetchFour(keyHash(text: hash, 0), stride) } else { index.fetch(hash, stride) }
    }
}
