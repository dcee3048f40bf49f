internal import CSimdjson

/// Builds batches from what a store returns: one builder, any number of batches, one after another.
///
/// Payloads are copied as they are appended and indexed together in `finish`, each once, however many readers follow.
/// Those of undeclared types are not even copied.
package struct EventBatchBuilder: ~Copyable, @unchecked Sendable {
    // `@unchecked Sendable`: the indexer belongs to this builder alone, which cannot be copied, and is used only by
    // its mutating methods.
    private let indexer: OpaquePointer
    private let types: EventTypeCatalog
    private let reads: EventColumns
    /// Those of the declared types.
    private let upcasters: Upcasters
    private let hasUpcasters: Bool

    private var events: [EventRecord] = []
    private var documents: [RefoldDocument] = []
    private var json: [UInt8] = []
    private var names: [UInt8] = []
    private var typeBits: UInt64 = 0

    /// - Parameters:
    ///   - types: the types whose payloads are kept.
    ///   - reads: the columns that are kept; others are dropped when they are appended.
    ///   - upcasters: bring older payloads up to date; only those of `types` are used.
    package init(types: EventTypeCatalog, reads: EventColumns = [], upcasters: Upcasters = Upcasters()) {
        guard let indexer = refold_indexer_create() else {
            preconditionFailure("no memory for a JSON indexer")
        }
        self.indexer = indexer
        self.types = types
        self.reads = reads
        self.upcasters = upcasters.of(types.types)
        hasUpcasters = !self.upcasters.isEmpty
    }

    deinit {
        refold_indexer_destroy(indexer)
    }

    /// The number of events appended since the last `finish`.
    package var count: Int {
        events.count
    }

    /// The bytes held for them. A caller finishes the batch early when this passes some MiB, so that memory is bounded
    /// by bytes and not only by a count of events; it must stay below 1 GiB before an append.
    package var byteCount: Int {
        json.count + names.count
    }

    /// Adds the event at the next position.
    ///
    /// - Parameters:
    ///   - type: the name's UTF-8.
    ///   - timestamp: PostgreSQL's microseconds, or nil for NULL.
    ///   - payload: JSON text, without the version byte that `jsonb` is sent with; nil for NULL.
    ///   - metadata: the same.
    ///   - isMetadataFetched: whether `metadata` is what the store has.
    /// - Returns: false when nothing was added, because the payload's version is in the metadata, which were not
    ///   fetched.
    @discardableResult
    package mutating func append(
        position: Int64,
        type: UnsafeRawBufferPointer,
        timestamp: Int64?,
        payload: UnsafeRawBufferPointer?,
        metadata: UnsafeRawBufferPointer? = nil,
        isMetadataFetched: Bool = true,
        streamID: UnsafeRawBufferPointer? = nil
    ) -> Bool {
        var event = EventRecord(
            position: position,
            timestamp: timestamp ?? EventRecord.noTimestamp,
            type: EventRecord.none,
            payload: EventRecord.none,
            metadata: EventRecord.none
        )
        if let declared = types[name: type] {
            event.type = declared.id
            typeBits |= declared.bit
            if hasUpcasters && upcasters.concern(declared) {
                guard isMetadataFetched else { return false }
                event.payload = appendUpcast(declared, payload, metadata)
            } else if let payload {
                event.payload = appendDocument(payload)
            }
            if reads.contains(.metadata), let metadata {
                event.metadata = appendDocument(metadata)
            }
        } else {
            event.typeNameOffset = UInt32(names.count)
            event.typeNameLength = UInt32(type.count)
            names.append(contentsOf: type)
        }
        if reads.contains(.streamID), let streamID {
            event.streamIDOffset = UInt32(names.count)
            event.streamIDLength = Int32(streamID.count)
            names.append(contentsOf: streamID)
        }
        events.append(event)
        return true
    }

    /// The payload in its type's current version, or the reason why it cannot be brought there.
    private mutating func appendUpcast(
        _ type: EventType,
        _ payload: UnsafeRawBufferPointer?,
        _ metadata: UnsafeRawBufferPointer?
    ) -> Int32 {
        guard let payload else { return EventRecord.none }
        do throws(EventRefusal) {
            let metadata = metadata.map { String(decoding: $0, as: UTF8.self) }
            let version = try upcasters.version(of: type, in: metadata)
            if version == upcasters.currentVersion(of: type) { return appendDocument(payload) }
            return appendDocument(try upcasters.upcast(type, version, String(decoding: payload, as: UTF8.self)))
        } catch {
            return EventRecord.refused(by: appendDocument(JSON.text(error.reason).text))
        }
    }

    private mutating func appendDocument(_ text: String) -> Int32 {
        var text = text
        return text.withUTF8 { appendDocument(UnsafeRawBufferPointer($0)) }
    }

    private mutating func appendDocument(_ text: UnsafeRawBufferPointer) -> Int32 {
        documents.append(
            RefoldDocument(offset: UInt32(json.count), length: UInt32(text.count), first_field: 0, field_count: 0)
        )
        json.append(contentsOf: text)
        json.append(UInt8(ascii: "\n"))
        return Int32(documents.count - 1)
    }

    /// The batch of all events appended since the last time.
    package mutating func finish() -> EventBatch {
        // simdjson may read, but never uses, up to this many bytes behind the last document.
        json.reserveCapacity(json.count + 64)
        let unread = documents.withUnsafeMutableBufferPointer { documents in
            json.withUnsafeBufferPointer { json in
                refold_indexer_index(indexer, json.baseAddress, documents.baseAddress, documents.count)
            }
        }
        precondition(unread >= 0, "no memory for the fields of a batch")
        let indexed = UnsafeBufferPointer(
            start: refold_indexer_fields(indexer),
            count: refold_indexer_field_count(indexer)
        )
        let scanned = unread > 0 ? scanUnreadDocuments(fieldsBefore: indexed.count) : []
        return EventBatch(storage: takeStorage(indexed, scanned))
    }

    /// A single object, as found within payloads: mostly short, so that the indexer does not pay.
    mutating func object(_ text: UnsafeRawBufferPointer) -> Payload {
        let document = appendDocument(text)
        documents[Int(document)].field_count = Int32(REFOLD_UNREAD)
        let scanned = scanUnreadDocuments(fieldsBefore: 0)
        return Payload(storage: takeStorage(UnsafeBufferPointer(start: nil, count: 0), scanned), document: document)
    }

    /// Reads byte by byte the documents that the indexer left unread: large ones, and those that are no objects.
    private mutating func scanUnreadDocuments(fieldsBefore: Int) -> [RefoldField] {
        var fields: [RefoldField] = []
        json.withUnsafeBytes { json in
            for place in documents.indices where documents[place].field_count == REFOLD_UNREAD {
                let first = fields.count
                documents[place].first_field = UInt32(fieldsBefore + first)
                let (offset, length) = (Int(documents[place].offset), Int(documents[place].length))
                var scanner = JSONScanner(json, offset..<(offset + length), .structure)
                guard scanner.isAtObject else {
                    documents[place].field_count = Int32(scanner.isAtEnd ? REFOLD_MALFORMED : REFOLD_NOT_AN_OBJECT)
                    continue
                }
                do throws(JSONSyntaxError) {
                    while let member = try scanner.nextMember() {
                        fields.append(RefoldField(name: member.name, value: member.value, in: json))
                    }
                    documents[place].field_count = Int32(fields.count - first)
                } catch {
                    fields.removeSubrange(first...)
                    documents[place].field_count = Int32(REFOLD_MALFORMED)
                }
            }
        }
        return fields
    }

    /// The memory of all events appended since the last time, which the builder then forgets.
    private mutating func takeStorage(
        _ indexed: UnsafeBufferPointer<RefoldField>,
        _ scanned: [RefoldField]
    ) -> BatchStorage {
        let storage = Bytes.batch(
            of: events,
            documents: documents,
            indexed: indexed,
            scanned: scanned,
            json: json,
            names: names,
            typeBits: typeBits
        )
        typeBits = 0
        events.removeAll(keepingCapacity: true)
        documents.removeAll(keepingCapacity: true)
        json.removeAll(keepingCapacity: json.capacity <= Self.keptCapacity)
        names.removeAll(keepingCapacity: names.capacity <= Self.keptCapacity)
        return storage
    }

    /// Buffers that one huge payload made larger than this are released.
    private static let keptCapacity = 4 * 1024 * 1024
}

extension RefoldField {
    /// A field that was found byte by byte. Its text has not been validated: that is left to its reader.
    fileprivate init(name: Range<Int>, value: Range<Int>, in json: UnsafeRawBufferPointer) {
        let hasEscapes = json[name].contains(UInt8(ascii: "\\"))
        var isEscaped = false
        if json[value.lowerBound] == UInt8(ascii: "\""), let start = json.baseAddress {
            let content = (start + value.lowerBound + 1).assumingMemoryBound(to: UInt8.self)
            isEscaped = !refold_is_plain(content, value.count - 2)
        }
        self.init(
            name_offset: UInt32(name.lowerBound),
            name_length: UInt32(name.count) | (hasEscapes ? REFOLD_ESCAPED : 0),
            value_offset: UInt32(value.lowerBound),
            value_length: UInt32(value.count) | (isEscaped ? REFOLD_ESCAPED : 0)
        )
    }
}
