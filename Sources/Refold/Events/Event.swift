/// One event: a reference into its batch.
public struct Event: Sendable {
    let storage: BatchStorage
    let index: Int32

    private var record: EventRecord {
        defer { extendLifetime(storage) }
        return storage.layout.pointee.events[Int(index)]
    }

    /// The event's place in the event store.
    public var position: GlobalPosition {
        GlobalPosition(record.position)
    }

    /// The event's type; nil when it is not a declared one.
    public var type: EventType? {
        let id = record.type
        return id == EventRecord.none ? nil : EventType(id: id)
    }

    /// The type's name as the store has it.
    public var typeName: Text {
        if let type {
            return Text(type.name)
        }
        let layout = storage.layout
        let record = record
        return Text(
            borrowing: layout.pointee.names + Int(record.typeNameOffset),
            count: Int(record.typeNameLength),
            from: storage.owner
        )
    }

    /// When the event happened, by its writer's clock; clocks may go back.
    ///
    /// - Throws: `EventRefusal` when the store has an infinite timestamp there, or none.
    public var timestamp: Timestamp {
        get throws(EventRefusal) {
            let timestamp = record.timestamp
            // The two infinities and `noTimestamp` are the three values that are no moment.
            if timestamp <= EventRecord.noTimestamp || timestamp == .max {
                throw EventRefusal(
                    timestamp == EventRecord.noTimestamp ? .missing : .outOfRange,
                    field: "timestamp",
                    "expected a moment, found \(timestamp == EventRecord.noTimestamp ? "NULL" : "infinity")"
                )
            }
            return Timestamp(microseconds: timestamp)
        }
    }

    /// The timestamp for monitoring rather than folding: nil when it is infinite or NULL.
    package var finiteTimestamp: Timestamp? {
        let timestamp = Timestamp(microseconds: record.timestamp)
        return timestamp.isFinite && timestamp.rawValue != EventRecord.noTimestamp ? timestamp : nil
    }

    /// What the event says, in the current version of its type. That of an undeclared type, or of a version that cannot
    /// be read (``Upcasters``), refuses every field.
    public var payload: Payload {
        Payload(storage: storage, document: record.payload)
    }

    /// What was recorded about the event; nil when the store has none or they were not fetched.
    public var metadata: Payload? {
        let document = record.metadata
        return document == EventRecord.none ? nil : Payload(storage: storage, document: document)
    }

    /// The event's stream; nil when it was not fetched.
    public var streamID: Text? {
        let record = record
        guard record.streamIDLength >= 0 else {
            return nil
        }
        let layout = storage.layout
        return Text(
            borrowing: layout.pointee.names + Int(record.streamIDOffset),
            count: Int(record.streamIDLength),
            from: storage.owner
        )
    }
}

extension Event {
    /// An event made by hand, for tests of projections.
    ///
    /// - Parameters:
    ///   - payload: JSON text, as a writer would have stored it.
    ///   - metadata: JSON text, or nil for none.
    ///   - upcasters: bring a payload of an older version, which the metadata's `type_version` states, up to date.
    public init(
        position: GlobalPosition = 1,
        type: EventType,
        timestamp: Timestamp = .epoch,
        payload: String,
        metadata: String? = nil,
        streamID: String? = nil,
        upcasters: Upcasters = Upcasters()
    ) {
        var builder = EventBatchBuilder(
            types: EventTypeCatalog([type]),
            reads: [.metadata, .streamID],
            upcasters: upcasters
        )
        var (name, payload, metadata, streamID) = (type.name, payload, metadata ?? "", streamID ?? "")
        let (hasMetadata, hasStreamID) = (!metadata.isEmpty, !streamID.isEmpty)
        name.withUTF8 { name in
            payload.withUTF8 { payload in
                metadata.withUTF8 { metadata in
                    streamID.withUTF8 { streamID in
                        _ = builder.append(
                            position: position.rawValue,
                            type: UnsafeRawBufferPointer(name),
                            timestamp: timestamp.rawValue,
                            payload: UnsafeRawBufferPointer(payload),
                            metadata: hasMetadata ? UnsafeRawBufferPointer(metadata) : nil,
                            streamID: hasStreamID ? UnsafeRawBufferPointer(streamID) : nil
                        )
                    }
                }
            }
        }
        self = builder.finish()[0]
    }
}
