internal import Refold

/// An event whose payload is being written.
struct SampleDraft {
    let type: EventType
    let stream: SampleStream
    let timestamp: Timestamp
    var payload: [UInt8] = []

    init(_ type: EventType, _ stream: SampleStream, at timestamp: Timestamp) {
        self.type = type
        self.stream = stream
        self.timestamp = timestamp
        payload.reserveCapacity(320)
    }

    /// Opens the payload with the user's id.
    mutating func begin(user: Int, of people: SamplePeople) {
        payload.append("{\"user_id\":")
        people.append(user: user, to: &payload)
    }

    mutating func end() {
        payload.append(0x7D)
    }

    /// Closes the payload with the event's own time under the given key.
    mutating func end(stamped key: StaticString) {
        payload.append(key)
        payload.appendJSON(timestamp)
        payload.append(0x7D)
    }

    /// Appends the genres whose bits are set as an array.
    mutating func append(genres bits: UInt16) {
        payload.append(0x5B)
        var isFirst = true
        for (index, genre) in SamplePeople.genres.enumerated() where bits >> index & 1 == 1 {
            if !isFirst { payload.append(0x2C) }
            payload.appendJSON(text: genre)
            isFirst = false
        }
        payload.append(0x5D)
    }
}
