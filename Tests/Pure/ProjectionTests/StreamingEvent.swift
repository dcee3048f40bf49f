import Refold
import RefoldTestKit
import TestSupport
import VideoDomain

/// An event of a viewing session as a test writes it.
struct StreamingEvent {
    enum Kind {
        case started(user: String, video: String, quality: String)
        case qualityChanged(String)
        case heartbeat(Double)
        case ended
    }

    let session: String
    let kind: Kind
    /// Microseconds since 2000.
    let time: Int64

    init(_ session: String, _ kind: Kind, at seconds: Double) {
        self.init(session, kind, microseconds: Int64(seconds * 1e6))
    }

    init(_ session: String, _ kind: Kind, microseconds: Int64) {
        self.session = session
        self.kind = kind
        time = microseconds
    }

    var type: EventType {
        switch kind {
        case .started: .streamingStarted
        case .qualityChanged: .streamingQualityChanged
        case .heartbeat: .streamingHeartbeat
        case .ended: .streamingEnded
        }
    }

    /// The payload; who acts is said by the start alone, so that nothing else may be read for it.
    var payload: String {
        var payload: JSON.Object = ["session_id": .text(session), "user_id": .text("of no account")]
        switch kind {
        case .started(let user, let video, let quality):
            payload["user_id"] = .text(user)
            payload["video_id"] = .text(video)
            payload["quality"] = .text(quality)
            payload["start_time"] = .text("2020-02-02T00:00:00Z")
        case .qualityChanged(let quality):
            payload["old_quality"] = .text("unread")
            payload["new_quality"] = .text(quality)
        case .heartbeat(let currentTime): payload["current_time"] = .number(currentTime)
        case .ended: break
        }
        return JSON.object(payload).text
    }

    /// Events of a few sessions as unkind as writers can be: repeated and late starts, events of sessions that nobody
    /// started or that have ended, clocks that go back, stand still and jump, gaps longer than a session is live.
    static func hostile(seed: UInt64, count: Int) -> [StreamingEvent] {
        var generator = SeededGenerator(seed: seed)
        var clock: Int64 = 700_000_000_000_000
        return (0..<count).map { _ in
            clock += generator.pick([0, 1, 400_000, 1_000_000, 3_000_000, 3_000_000, 20_000_000, 45_000_000])
            let time =
                switch Int.random(in: 0..<20, using: &generator) {
                case 0: clock - Int64.random(in: 0...90_000_000, using: &generator)
                case 1: clock + Int64.random(in: 0...120_000_000, using: &generator)
                case 2: clock / 60_000_000 * 60_000_000
                default: clock
                }
            let session = generator.pick(["", "a", "b", "c", "d", "e", "f"]) + "\(clock / 400_000_000)"
            let kind: Kind =
                switch Int.random(in: 0..<16, using: &generator) {
                case ..<4:
                    .started(
                        user: generator.pick(["", "ann", "bob", "cid", "dot"]),
                        video: "v\(Int.random(in: 0..<12, using: &generator))",
                        quality: generator.pick(["1080p", "720p", "4k"])
                    )
                case ..<6: .qualityChanged(generator.pick(["1080p", "720p", "4k", ""]))
                case 6: .ended
                default: .heartbeat(Double(Int.random(in: 0..<4_000, using: &generator)) / 4)
                }
            return StreamingEvent(session, kind, microseconds: time)
        }
    }
}

extension ProjectionFold {
    /// Applies events; none may be refused.
    func given(_ events: [StreamingEvent]) throws {
        for event in events {
            try given(event.type, event.payload, at: Timestamp(microseconds: event.time))
        }
    }

    /// Applies events.
    func given(_ events: StreamingEvent...) throws { try given(events) }
}
