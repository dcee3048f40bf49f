import Kafka
import Refold
import Testing

@Suite("The headers of a relay's record") struct RelayedRecordTests {
    private func message(_ headers: [(String, String)]) -> KafkaMessage {
        KafkaMessage(
            KafkaPartition("t", 2),
            offset: 5,
            key: nil,
            value: [],
            headers: headers.map { KafkaHeader($0.0, Array($0.1.utf8)) }
        )
    }

    private let place = [("refold-position", "12"), ("refold-prev", "7"), ("refold-epoch", "3")]

    @Test("tell an event, its place and what was sent before it") func event() throws {
        let record = try RelayedRecord(message(place + [("refold-event-id", "an id"), ("refold-type-version", "2")]))
        #expect(
            record
                == RelayedRecord(.event(id: "an id", typeVersion: 2), position: 12, previous: 7, epoch: 3)
        )
    }

    @Test("tell markers") func markers() throws {
        let marker = try RelayedRecord(message(place + [("refold-marker", "position")]))
        #expect(marker.kind == .marker && marker.position == 12)
        let fork = try RelayedRecord(message(place + [("refold-marker", "fork"), ("refold-fork", "9")]))
        #expect(fork.kind == .fork(9))
    }

    @Test("are refused by name when they are missing or no numbers") func refusals() {
        let refused = #expect(throws: KafkaError.self) { try RelayedRecord(message([("refold-position", "12")])) }
        #expect(refused?.code == .notRelayed && refused?.description.contains("refold-prev") == true)
        #expect(refused?.description.contains("t[2] at offset 5") == true)
        #expect(throws: KafkaError.self) { try RelayedRecord(message(place)) }
        let event = [("refold-event-id", "an id"), ("refold-type-version", "2"), ("refold-marker", "of another kind")]
        #expect(throws: KafkaError.self) { try RelayedRecord(message(place + event)) }
        #expect(throws: KafkaError.self) {
            try RelayedRecord(message([("refold-position", "x"), ("refold-prev", "7"), ("refold-epoch", "3")]))
        }
    }
}
