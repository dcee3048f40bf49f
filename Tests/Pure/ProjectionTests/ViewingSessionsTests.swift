import Refold
import RefoldTestKit
import Testing
import VideoDomain
import VideoProjections

@Suite("Viewing sessions")
struct ViewingSessionsTests {
    private let fold = ProjectionFold(ViewingSessions())

    private func time(_ seconds: Double) -> RowValue { .timestamp(Timestamp(microseconds: Int64(seconds * 1e6))) }

    private func start(_ session: String = "s", quality: String = "1080p", at seconds: Double = 0) -> StreamingEvent {
        StreamingEvent(session, .started(user: "u", video: "v", quality: quality), at: seconds)
    }

    @Test("A session is started, kept alive, changed and ended")
    func life() throws {
        try fold.given(
            start(at: 0.5),
            StreamingEvent("s", .heartbeat(10.75), at: 11),
            StreamingEvent("s", .qualityChanged("720p"), at: 15),
            StreamingEvent("s", .heartbeat(20), at: 21)
        )
        var row: [String: RowValue] = [
            "user_id": "u", "video_id": "v", "quality": "720p", "started_at": time(0.5), "last_heartbeat": time(21),
            "ended_at": nil, "watched_seconds": 20,
        ]
        #expect(fold.row("viewing_sessions", "s") == row)
        try fold.given(StreamingEvent("s", .ended, at: 25))
        row["ended_at"] = time(25)
        #expect(fold.row("viewing_sessions", "s") == row)
    }

    @Test("What comes after the end, before the start and twice changes nothing")
    func ignored() throws {
        try fold.given(
            StreamingEvent("s", .heartbeat(1), at: 1),
            StreamingEvent("s", .qualityChanged("4k"), at: 1),
            StreamingEvent("s", .ended, at: 1)
        )
        #expect(fold.count(of: "viewing_sessions") == 0)
        try fold.given(start(), start(quality: "4k", at: 9), StreamingEvent("s", .ended, at: 30))
        let row = fold.row("viewing_sessions", "s")
        #expect(row?["quality"] == "1080p" && row?["started_at"] == time(0))
        try fold.given(
            StreamingEvent("s", .heartbeat(1), at: 40),
            StreamingEvent("s", .qualityChanged("4k"), at: 40),
            StreamingEvent("s", .ended, at: 50),
            start(at: 60)
        )
        #expect(fold.row("viewing_sessions", "s") == row)
    }

    @Test("A heartbeat older than the last is ignored; watched seconds never go back")
    func late() throws {
        try fold.given(
            start(at: 100),
            StreamingEvent("s", .heartbeat(20), at: 120),
            StreamingEvent("s", .heartbeat(90), at: 119.999999),
            StreamingEvent("s", .heartbeat(10), at: 120)
        )
        #expect(fold.row("viewing_sessions", "s")?["watched_seconds"] == 20)
        #expect(fold.row("viewing_sessions", "s")?["last_heartbeat"] == time(120))
    }

    @Test("The empty ids are ids; times at the ends of the calendar and the longest session are kept")
    func extremes() throws {
        try fold.given(StreamingEvent("", .started(user: "", video: "", quality: ""), microseconds: .min + 2))
        try fold.given(StreamingEvent("", .heartbeat(1_000_000_000), microseconds: .max - 1))
        let row = fold.row("viewing_sessions", "")
        #expect(row?["user_id"] == "" && row?["quality"] == "" && row?["watched_seconds"] == 1_000_000_000)
        #expect(row?["last_heartbeat"] == .timestamp(Timestamp(microseconds: .max - 1)))
    }

    @Test(
        "Each field that is read refuses its event when it is missing or wrong",
        arguments: [
            (EventType.streamingStarted, #"{"user_id":"u","video_id":"v","quality":"q"}"#, "session_id"),
            (.streamingStarted, #"{"session_id":"n","video_id":"v","quality":"q"}"#, "user_id"),
            (.streamingStarted, #"{"session_id":"n","user_id":"u","quality":"q"}"#, "video_id"),
            (.streamingStarted, #"{"session_id":"n","user_id":"u","video_id":"v"}"#, "quality"),
            (.streamingStarted, #"{"session_id":1,"user_id":"u","video_id":"v","quality":"q"}"#, "session_id"),
            (.streamingHeartbeat, #"{"session_id":"s"}"#, "current_time"),
            (.streamingHeartbeat, #"{"session_id":"s","current_time":-1}"#, "current_time"),
            (.streamingHeartbeat, #"{"session_id":"s","current_time":1000000001}"#, "current_time"),
            (.streamingHeartbeat, #"{"session_id":"s","current_time":1e999}"#, "current_time"),
            (.streamingHeartbeat, #"{"current_time":1}"#, "session_id"),
            (.streamingQualityChanged, #"{"session_id":"s"}"#, "new_quality"),
            (.streamingQualityChanged, #"{"new_quality":"q"}"#, "session_id"),
            (.streamingEnded, #"{}"#, "session_id"),
        ]
    )
    func refusals(type: EventType, payload: String, field: String) throws {
        try fold.given(start())
        let refusal = #expect(throws: EventRefusal.self) { try fold.given(type, payload) }
        #expect(refusal?.field == field)
        #expect(fold.count(of: "viewing_sessions") == 1)
        #expect(throws: EventRefusal.self) {
            try fold.given(type, #"{"session_id":"s","new_quality":"q","current_time":1}"#, at: .infinity)
        }
    }

    // MARK: An independent fold

    private struct Session {
        let user: String
        let video: String
        var quality: String
        let start: Int64
        var heartbeats: [(time: Int64, seconds: Double)]
        var end: Int64?
    }

    @Test("Every row is that of a fold that remembers all events", arguments: 1...8)
    func reference(seed: Int) throws {
        let events = StreamingEvent.hostile(seed: UInt64(seed), count: 400)
        try fold.given(events)
        var sessions: [String: Session] = [:]
        for event in events {
            switch event.kind {
            case .started(let user, let video, let quality) where sessions[event.session] == nil:
                sessions[event.session] = Session(
                    user: user,
                    video: video,
                    quality: quality,
                    start: event.time,
                    heartbeats: [(event.time, 0)]
                )
            case .started: break
            case _ where sessions[event.session]?.end != nil: break
            case .qualityChanged(let quality): sessions[event.session]?.quality = quality
            case .ended: sessions[event.session]?.end = event.time
            case .heartbeat(let seconds):
                guard let last = sessions[event.session]?.heartbeats.map(\.time).max(), event.time >= last else {
                    break
                }
                sessions[event.session]?.heartbeats.append((event.time, seconds))
            }
        }
        let rows = sessions.map { id, session in
            (
                RowValue.text(Text(id)),
                [
                    "user_id": .text(Text(session.user)), "video_id": .text(Text(session.video)),
                    "quality": .text(Text(session.quality)),
                    "started_at": .timestamp(Timestamp(microseconds: session.start)),
                    "last_heartbeat": .timestamp(Timestamp(microseconds: session.heartbeats.map(\.time).max() ?? 0)),
                    "ended_at": session.end.map { .timestamp(Timestamp(microseconds: $0)) } ?? .null,
                    "watched_seconds": .integer(Int64(session.heartbeats.map(\.seconds).max() ?? 0)),
                ] as [String: RowValue]
            )
        }
        #expect(rows.count > 10)
        #expect(fold.rows("viewing_sessions") == Dictionary(uniqueKeysWithValues: rows))
    }
}
