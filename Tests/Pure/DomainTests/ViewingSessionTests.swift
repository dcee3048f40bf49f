import Aggregates
import Refold
import Testing
import VideoDomain

@Suite("Viewing sessions")
struct ViewingSessionTests {
    private let started = ViewingSessionEvent.started(
        sessionID: "s",
        userID: "u",
        videoID: "v",
        quality: "1080p",
        at: .epoch
    )

    private func session(after events: ViewingSessionEvent...) throws -> ViewingSession {
        try ViewingSession(id: "s", after: events)
    }

    @Test("A session is started once, in 1080p unless said")
    func start() throws {
        #expect(try session().start(userID: "u", videoID: "v", at: .epoch) == [started])
        let events = try session().start(userID: "u", videoID: "v", quality: "4k", at: .epoch)
        #expect(try session(after: events[0]).quality == "4k")
        for session in [try session(after: started), try session(after: started, .ended(sessionID: "s", userID: "u"))] {
            #expect(throws: ViewingSessionError.alreadyStarted(session: "s")) {
                try session.start(userID: "u", videoID: "v", at: .epoch)
            }
        }
    }

    @Test("A session has a user, a video and a quality")
    func empty() throws {
        let session = try session()
        #expect(throws: ViewingSessionError.empty(field: "user_id")) {
            try session.start(userID: "", videoID: "v", at: .epoch)
        }
        #expect(throws: ViewingSessionError.empty(field: "video_id")) {
            try session.start(userID: "u", videoID: "", at: .epoch)
        }
        #expect(throws: ViewingSessionError.empty(field: "quality")) {
            try session.start(userID: "u", videoID: "v", quality: "", at: .epoch)
        }
    }

    @Test("The quality changes to another one, while the session lasts")
    func changeQuality() throws {
        let events = try session(after: started).changeQuality(to: "720p")
        #expect(events == [.qualityChanged(sessionID: "s", userID: "u", from: "1080p", to: "720p")])
        let changed = try session(after: started, events[0])
        #expect(changed.quality == "720p")
        #expect(throws: ViewingSessionError.unchanged(quality: "720p")) { try changed.changeQuality(to: "720p") }
        #expect(throws: ViewingSessionError.empty(field: "new_quality")) { try changed.changeQuality(to: "") }
        let (unknown, ended) = (try session(), try session(after: started, .ended(sessionID: "s", userID: "u")))
        #expect(throws: ViewingSessionError.notStarted(session: "s")) { try unknown.changeQuality(to: "720p") }
        #expect(throws: ViewingSessionError.ended(session: "s")) { try ended.changeQuality(to: "720p") }
    }

    @Test("Heartbeats never go back, and those of an unknown session are ignored")
    func heartbeat() throws {
        let running = try session(after: started)
        let events = try running.heartbeat(currentTime: 12.5)
        #expect(events == [.heartbeat(sessionID: "s", userID: "u", currentTime: 12.5)])
        let later = try session(after: started, events[0])
        #expect(try later.heartbeat(currentTime: 12.5).count == 1)
        #expect(throws: ViewingSessionError.backwards(last: 12.5, found: 12)) { try later.heartbeat(currentTime: 12) }
        for time in [-1, 1_000_000_001, .nan, .infinity] {
            #expect(throws: ViewingSessionError.outOfRange(field: "current_time", found: "\(time)")) {
                try running.heartbeat(currentTime: time)
            }
        }
        #expect(try session().heartbeat(currentTime: 1) == [])
        let ended = try session(after: started, .ended(sessionID: "s", userID: "u"))
        #expect(throws: ViewingSessionError.ended(session: "s")) { try ended.heartbeat(currentTime: 1) }
    }

    @Test("A session that was started ends once")
    func end() throws {
        let events = try session(after: started).end()
        #expect(events == [.ended(sessionID: "s", userID: "u")])
        let (unknown, ended) = (try session(), try session(after: started, events[0]))
        #expect(ended.isEnded && ended.isStarted)
        #expect(throws: ViewingSessionError.notStarted(session: "s")) { try unknown.end() }
        #expect(throws: ViewingSessionError.ended(session: "s")) { try ended.end() }
    }

    @Test("Events come back from their payloads as they were")
    func roundTrip() throws {
        try expectRoundTrip([
            started,
            .qualityChanged(sessionID: "s", userID: "", from: "1080p", to: "\u{1}"),
            .heartbeat(sessionID: "s", userID: "u", currentTime: 0.1),
            .heartbeat(sessionID: "s", userID: "u", currentTime: 1_000_000_000),
            .ended(sessionID: "s", userID: "u"),
        ])
    }

    @Test("Payloads have exactly the documented fields")
    func payloads() {
        #expect(
            started.payload.text
                == #"{"session_id":"s","user_id":"u","video_id":"v","quality":"1080p","start_time":"2000-01-01T00:00:00Z"}"#
        )
        #expect(
            ViewingSessionEvent.qualityChanged(sessionID: "s", userID: "u", from: "a", to: "b").payload.text
                == #"{"session_id":"s","user_id":"u","old_quality":"a","new_quality":"b"}"#
        )
        #expect(
            ViewingSessionEvent.heartbeat(sessionID: "s", userID: "u", currentTime: 10).payload.text
                == #"{"session_id":"s","user_id":"u","current_time":10}"#
        )
        #expect(
            ViewingSessionEvent.ended(sessionID: "s", userID: "u").payload.text
                == #"{"session_id":"s","user_id":"u"}"#
        )
    }

    @Test("A payload out of range, and an event of another kind, are refused")
    func unreadable() {
        let payload = #"{"session_id":"s","user_id":"u","current_time":-1}"#
        #expect(throws: EventRefusal.self) {
            try ViewingSessionEvent(Event(type: .streamingHeartbeat, payload: payload))
        }
        #expect(throws: EventRefusal.self) { try ViewingSessionEvent(Event(type: .contentRated, payload: "{}")) }
    }

    @Test("Recommendations are read as the event has them")
    func recommendations() throws {
        let payload = #"{"user_id":"u","recommendations":["b","a"],"model_version":"m"}"#
        let updated = RecommendationUpdated(Event(type: .recommendationUpdated, payload: payload).payload)
        #expect(try updated.userID == "u" && updated.recommendations == ["b", "a"] && updated.modelVersion == "m")
        let bare = RecommendationUpdated(Event(type: .recommendationUpdated, payload: "{}").payload)
        #expect(throws: EventRefusal.self) { try bare.recommendations }
    }
}
