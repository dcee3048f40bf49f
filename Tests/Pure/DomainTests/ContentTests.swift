import Aggregates
import Refold
import Testing
import VideoDomain

@Suite("Content")
struct ContentTests {
    private let added = ContentEvent.added(contentID: "c", title: "Dune", genre: "sf")

    private func content(after events: ContentEvent...) throws -> Content {
        try Content(id: "c", after: events)
    }

    @Test("A title is added once; the empty text is a title")
    func add() throws {
        #expect(try content().add(title: "Dune", genre: "sf") == [added])
        let content = try content(after: .added(contentID: "c", title: "", genre: ""))
        #expect(content.isAdded)
        #expect(throws: ContentError.alreadyAdded(content: "c")) { try content.add(title: "Dune", genre: "sf") }
    }

    @Test("Only what was added can be watched and rated")
    func notAdded() throws {
        let content = try content()
        let refusal = ContentError.notAdded(content: "c")
        #expect(throws: refusal) { try content.watch(by: "u", seconds: 60, completion: 1) }
        #expect(throws: refusal) { try content.rate(by: "u", 5) }
    }

    @Test("A watch carries title and genre, and counts")
    func watch() throws {
        let events = try content(after: added).watch(by: "u", seconds: 60, completion: 12.5)
        #expect(
            events == [
                .watched(userID: "u", contentID: "c", seconds: 60, completion: 12.5, genre: "sf", title: "Dune")
            ]
        )
        #expect(try content(after: added, events[0], events[0]).views == 2)
    }

    @Test("Durations are from 0 to a billion seconds", arguments: [0, 1_000_000_000])
    func durations(seconds: Int64) throws {
        #expect(try content(after: added).watch(by: "u", seconds: seconds, completion: 0).count == 1)
    }

    @Test("Other durations are refused", arguments: [-1, 1_000_000_001, Int64.min])
    func wrongDurations(seconds: Int64) throws {
        let content = try content(after: added)
        #expect(throws: ContentError.outOfRange(field: "watch_duration_seconds", found: "\(seconds)")) {
            try content.watch(by: "u", seconds: seconds, completion: 0)
        }
    }

    @Test("Completion is from 0 to 100 percent", arguments: [0, 0.1, 100])
    func completions(completion: Double) throws {
        #expect(try content(after: added).watch(by: "u", seconds: 1, completion: completion).count == 1)
    }

    @Test("Other completions are refused", arguments: [-0.1, 100.1, .nan, .infinity])
    func wrongCompletions(completion: Double) throws {
        let content = try content(after: added)
        #expect(throws: ContentError.outOfRange(field: "completion_percentage", found: "\(completion)")) {
            try content.watch(by: "u", seconds: 1, completion: completion)
        }
    }

    @Test("Ratings are from 1 to 5, whole or fractional", arguments: [1, 3.7, 5])
    func ratings(rating: Double) throws {
        let events = try content(after: added).rate(by: "u", rating)
        #expect(events == [.rated(userID: "u", contentID: "c", rating: rating)])
        #expect(try content(after: added, events[0]).ratings == 1)
    }

    @Test("Other ratings are refused", arguments: [0, 0.99, 5.01, .nan, -.infinity])
    func wrongRatings(rating: Double) throws {
        let content = try content(after: added)
        #expect(throws: ContentError.outOfRange(field: "rating", found: "\(rating)")) {
            try content.rate(by: "u", rating)
        }
    }

    @Test("Events come back from their payloads as they were; genre and title may be absent")
    func roundTrip() throws {
        try expectRoundTrip([
            added,
            .watched(userID: "u", contentID: "c", seconds: 60, completion: 12.5, genre: "", title: "\u{1}"),
            .watched(userID: "u", contentID: "c", seconds: 1_000_000_000, completion: 1e-7, genre: nil, title: nil),
            .rated(userID: "u", contentID: "c", rating: 4.25),
        ])
    }

    @Test("Payloads have exactly the documented fields")
    func payloads() {
        #expect(added.payload.text == #"{"content_id":"c","title":"Dune","genre":"sf"}"#)
        #expect(
            ContentEvent.watched(userID: "u", contentID: "c", seconds: 60, completion: 12.5, genre: "sf", title: nil)
                .payload.text
                == #"{"user_id":"u","content_id":"c","watch_duration_seconds":60,"completion_percentage":12.5,"genre":"sf"}"#
        )
        #expect(
            ContentEvent.rated(userID: "u", contentID: "c", rating: 5).payload.text
                == #"{"user_id":"u","content_id":"c","rating":5}"#
        )
    }

    @Test("A payload out of range, and an event of another kind, are refused")
    func unreadable() {
        let payload = #"{"user_id":"u","content_id":"c","rating":6}"#
        #expect(throws: EventRefusal.self) { try ContentEvent(Event(type: .contentRated, payload: payload)) }
        #expect(throws: EventRefusal.self) { try ContentEvent(Event(type: .userRegistered, payload: "{}")) }
    }
}
