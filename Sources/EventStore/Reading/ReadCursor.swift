internal import Postgres
internal import Refold

/// Where a read stands: the COPY that is open, and what has been parsed but not delivered.
///
/// Used by one reader, under its lock and on its connection's executor.
struct ReadCursor: ~Copyable {
    private let store: ValidatedStore
    private let options: ReadingOptions
    private var sql: ReadStatement
    /// The types that have upcasters.
    private let versioned: [EventType]
    private var builder: EventBatchBuilder
    private let preamble: String

    private var blockAfter = GlobalPosition.zero
    private var end = GlobalPosition.zero
    private var holes = GapLog(after: .zero)
    /// The events the open COPY has given so far; nil when none is open.
    private var copied: Int?
    private var openedAt = ContinuousClock.now

    init(_ store: ValidatedStore, types: [EventType], _ upcasters: Upcasters, _ options: ReadingOptions) {
        self.store = store
        self.options = options
        sql = ReadStatement(store, options.columns)
        preamble = ReadStatement.preamble(store.serverRun)
        versioned = upcasters.of(types).types
        builder = EventBatchBuilder(types: EventTypeCatalog(types), reads: options.columns, upcasters: upcasters)
    }

    /// How long the COPY has been open; nil when none is.
    var copyAge: Duration? {
        copied == nil ? nil : ContinuousClock.now - openedAt
    }

    mutating func begin(
        after: GlobalPosition,
        through: GlobalPosition
    ) {
        precondition(copied == nil, "an EventReader serves one read at a time")
        if builder.count > 0 { _ = builder.finish() }
        blockAfter = after
        end = through
        holes = GapLog(after: after)
    }

    /// Reads until the block is full or the range is done.
    mutating func nextBlock(on connection: isolated PostgresConnection) throws(EventStoreError) -> EventBlock {
        var batches: [EventBatch] = []
        var bytes = 0
        do {
            try endCopy(ifOpenFor: options.copyLifetime, on: connection)
            while batches.count < options.batchesPerBlock, bytes + builder.byteCount < options.bytesPerBlock {
                if copied == nil {
                    try openCopy(on: connection)
                }
                var lacksVersion = false
                let isOpen = try connection.nextCopyRows { row in
                    guard try append(row) else {
                        lacksVersion = true
                        return false
                    }
                    copied? += 1
                    return builder.count < options.batchSize.count
                        && bytes + builder.byteCount < options.bytesPerBlock
                }
                if lacksVersion {
                    try readVersions(on: connection)
                } else if isOpen {
                    guard builder.count == options.batchSize.count else { continue }
                    bytes += builder.byteCount
                    batches.append(builder.finish())
                } else {
                    let isRangeDone = copied != options.eventsPerCopy || holes.through == end
                    copied = nil
                    if isRangeDone { return lastBlock(batches, bytes) }
                }
            }
            // An unfinished batch waits for the next block, unless it alone fills this one.
            if batches.isEmpty {
                bytes = builder.byteCount
                batches.append(builder.finish())
            }
            return block(batches, bytes, isLast: false)
        } catch {
            let failure = error as? EventStoreError ?? (error as? PostgresError).map { .database("reading events", $0) }
            throw failure ?? EventStoreError(.database, "reading events failed: \(error)", cause: error)
        }
    }

    private mutating func openCopy(on connection: isolated PostgresConnection) throws {
        let copy = sql.copy(after: holes.through, through: end, limit: options.eventsPerCopy)
        let run = try connection.beginCopyOut(copy, after: preamble)
        copied = 0
        openedAt = .now
        guard try run.text(0, 0) == "same" else {
            try endCopy(ifOpenFor: .zero, on: connection)
            throw EventStoreError.serverRunIsOver
        }
    }

    /// Ends the COPY when it has been open for that long. The next block begins another one, after the last event read.
    mutating func endCopy(ifOpenFor age: Duration, on connection: isolated PostgresConnection) throws(PostgresError) {
        guard let copyAge, copyAge >= age else { return }
        copied = nil
        try connection.cancelCopyOut()
    }

    /// Reads on from the last event with the versions of the types that have upcasters. A log without events of these
    /// types, which is read by the shorter statement, never comes here.
    private mutating func readVersions(on connection: isolated PostgresConnection) throws {
        sql = ReadStatement(store, options.columns, versioned: versioned)
        try endCopy(ifOpenFor: .zero, on: connection)
    }

    /// - Returns: false, and the event is not taken, when its version was not fetched.
    private mutating func append(_ row: borrowing CopyRow) throws -> Bool {
        let position = GlobalPosition(try row.int64(ReadStatement.position))
        guard position > holes.through else {
            throw EventStoreError(
                .positionNotUnique,
                "position \(position) occurs twice in \(store.settings.schema).\(store.settings.eventsTable)",
                position: position
            )
        }
        let isAdded = builder.append(
            position: position.rawValue,
            type: try row.isNull(ReadStatement.type) ? Self.nothing : row.bytes(ReadStatement.type),
            timestamp: try row.isNull(ReadStatement.timestamp) ? nil : row.int64(ReadStatement.timestamp),
            payload: try json(row, ReadStatement.payload, store.payloadFormat),
            metadata: try sql.metadata.flatMap { field in try json(row, field, store.metadataFormat) },
            isMetadataFetched: sql.hasVersions,
            streamID: try sql.streamID.flatMap { field in try row.isNull(field) ? nil : row.bytes(field) }
        )
        if isAdded { holes.pass(position) }
        return isAdded
    }

    private static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    /// The JSON text of a field. The binary form of jsonb is a version byte and then its text.
    private func json(
        _ row: borrowing CopyRow,
        _ field: Int,
        _ format: ValidatedStore.PayloadFormat?
    ) throws -> UnsafeRawBufferPointer? {
        guard !row.isNull(field) else { return nil }
        let bytes = try row.bytes(field)
        guard format == .jsonb else { return bytes }
        guard bytes.first == 1 else {
            throw EventStoreError(.columnType, "a jsonb value has binary version \(bytes.first ?? 0), and 1 is known")
        }
        return UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    }

    private mutating func lastBlock(_ batches: [EventBatch], _ bytes: Int) -> EventBlock {
        var (batches, bytes) = (batches, bytes)
        if builder.count > 0 {
            bytes += builder.byteCount
            batches.append(builder.finish())
        }
        holes.pass(emptyThrough: end)
        return block(batches, bytes, isLast: true)
    }

    private mutating func block(_ batches: [EventBatch], _ bytes: Int, isLast: Bool) -> EventBlock {
        // Events of an unfinished batch have passed the cursor but belong to the next block.
        let through = isLast ? end : batches.last.map(\.lastPosition) ?? blockAfter
        defer { blockAfter = through }
        return EventBlock(
            batches: batches,
            after: blockAfter,
            through: through,
            holes: holes.take(through: through),
            isLast: isLast,
            byteCount: bytes
        )
    }
}
