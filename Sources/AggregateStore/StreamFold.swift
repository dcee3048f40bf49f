internal import Aggregates
internal import EventStore
internal import Refold

/// An aggregate on its way through the events of its stream, page by page.
struct StreamFold<A: Aggregate> {
    let stream: String
    private let upcasters: Upcasters
    private(set) var aggregate: A
    /// The version of the last event taken in; 0 for none.
    private(set) var version: StreamPosition
    /// That event; nil for none.
    private(set) var newestEvent: EventID?

    /// An aggregate that has taken in everything up to an event.
    init(
        stream: String,
        _ aggregate: A,
        version: StreamPosition = 0,
        newestEvent: EventID? = nil,
        upcasters: Upcasters
    ) {
        self.stream = stream
        self.upcasters = upcasters
        self.aggregate = aggregate
        self.version = version
        self.newestEvent = newestEvent
    }

    /// Takes in the next events of the stream.
    mutating func take(_ events: some Collection<RecordedEvent>) throws {
        guard !events.isEmpty else { return }
        var builder = EventBatchBuilder(types: EventTypeCatalog(A.DomainEvent.types), upcasters: upcasters)
        for event in events { builder.append(event) }
        for (recorded, event) in zip(events, builder.finish()) {
            // Streams of an adopted store may begin with version 0.
            let next = StreamPosition(version.rawValue + 1)
            guard recorded.version == next || (newestEvent == nil && recorded.version == 0) else {
                throw AggregateStoreError.missing(next, stream)
            }
            if let type = event.type {
                do {
                    try aggregate.apply(A.DomainEvent(event))
                } catch {
                    throw AggregateStoreError.unreadable(type, stream, recorded.version, error)
                }
            }
            version = recorded.version
            newestEvent = recorded.id
        }
    }

    /// Takes in events that are about to be stored, as they will be read back.
    mutating func take(_ events: [NewEvent], of types: [EventType], at time: Timestamp) throws {
        for (event, type) in zip(events, types) {
            version = StreamPosition(version.rawValue + 1)
            newestEvent = event.id
            do {
                guard A.DomainEvent.types.contains(type) else { throw EventRefusal("\(A.self) has no such events") }
                try aggregate.apply(A.DomainEvent(Event(type: type, timestamp: time, payload: event.payload)))
            } catch {
                throw AggregateStoreError.unwritable(type, stream, version, error)
            }
        }
    }
}

extension EventBatchBuilder {
    fileprivate mutating func append(_ event: RecordedEvent) {
        var (type, payload, metadata) = (event.type, event.payload, event.metadata ?? "")
        type.withUTF8 { type in
            payload.withUTF8 { payload in
                metadata.withUTF8 { metadata in
                    _ = append(
                        position: event.position.rawValue,
                        type: UnsafeRawBufferPointer(type),
                        timestamp: event.timestamp.rawValue,
                        payload: UnsafeRawBufferPointer(payload),
                        metadata: event.metadata == nil ? nil : UnsafeRawBufferPointer(metadata)
                    )
                }
            }
        }
    }
}
