import Aggregates
import Refold
import Testing

/// Expects events to come back as they were after a way through their payloads' text.
func expectRoundTrip<E: AggregateEvent & Equatable>(
    _ events: [E],
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    for event in events {
        #expect(E.types.contains(event.type), sourceLocation: sourceLocation)
        let read = try E(Event(type: event.type, payload: event.payload.text))
        #expect(read == event, sourceLocation: sourceLocation)
    }
}
