import Refold
import RefoldTestKit
import Testing
import VideoDomain
import VideoProjections

@Suite("Audience by minute")
struct AudienceByMinuteTests {
    private let fold = ProjectionFold(AudienceByMinute())

    private func start(_ session: String, _ quality: String = "1080p", at seconds: Double) -> StreamingEvent {
        StreamingEvent(session, .started(user: "u", video: "v", quality: quality), at: seconds)
    }

    /// The numbers of a minute: sessions, started, ended, peak, watched seconds; nil for no row.
    private func minute(_ minute: Int64, _ quality: RowValue = "*") -> [Int64]? {
        let row = fold.row(
            "audience_by_minute",
            .timestamp(Timestamp(microseconds: minute * 60_000_000)),
            quality
        )
        return row.map { row in
            ["sessions", "started", "ended", "peak_viewers", "watched_seconds"].map { Int64(row[$0]?.number ?? -1) }
        }
    }

    @Test("A start makes a session live for 30 seconds, a heartbeat for 30 from then on")
    func live() throws {
        try fold.given(start("a", at: 10.9))
        #expect(minute(0) == [1, 1, 0, 1, 30])
        #expect(minute(0, "1080p") == [1, 1, 0, 1, 30])
        try fold.given(StreamingEvent("a", .heartbeat(10), at: 20), StreamingEvent("a", .heartbeat(10), at: 20))
        #expect(minute(0) == [1, 1, 0, 1, 40])
        #expect(minute(1) == nil)
        try fold.given(StreamingEvent("a", .heartbeat(40), at: 50))
        #expect(minute(0) == [1, 1, 0, 1, 50])
        #expect(minute(1) == [1, 0, 0, 1, 20])
    }

    @Test("A session that fell silent is live again from its next heartbeat on, and counts once a minute")
    func silent() throws {
        try fold.given(start("a", at: 0), StreamingEvent("a", .heartbeat(45), at: 45))
        #expect(minute(0) == [1, 1, 0, 1, 45])
        #expect(minute(1) == [1, 0, 0, 1, 15])
        try fold.given(StreamingEvent("a", .heartbeat(60), at: 600))
        #expect(minute(10) == [1, 0, 0, 1, 30])
        #expect(fold.count(of: "audience_by_minute") == 6)
    }

    @Test("The peak is the greatest number of sessions in one second, not of the minute")
    func peak() throws {
        try fold.given(start("a", at: 0), start("b", at: 29), start("c", at: 30), start("d", at: 30))
        #expect(minute(0) == [4, 4, 0, 3, 120])
    }

    @Test("An end takes the seconds from its own on back, and what was only counted ahead leaves no trace")
    func ended() throws {
        try fold.given(start("a", at: 50))
        #expect(minute(1) == [1, 0, 0, 1, 20])
        try fold.given(StreamingEvent("a", .ended, at: 55.5))
        #expect(minute(0) == [1, 1, 1, 1, 5])
        #expect(minute(1) == nil)
        #expect(fold.count(of: "audience_by_minute") == 2)
        // Nothing after the end counts.
        try fold.given(
            StreamingEvent("a", .heartbeat(90), at: 90),
            start("a", at: 90),
            StreamingEvent("a", .ended, at: 90)
        )
        #expect(fold.count(of: "audience_by_minute") == 2)
        #expect(minute(0) == [1, 1, 1, 1, 5])
    }

    @Test("A change of quality gives the coming seconds to the new one; all qualities together have one session")
    func qualities() throws {
        try fold.given(start("a", "1080p", at: 40), StreamingEvent("a", .qualityChanged("720p"), at: 50))
        #expect(minute(0, "1080p") == [1, 1, 0, 1, 10])
        #expect(minute(0, "720p") == [1, 0, 0, 1, 10])
        #expect(minute(0) == [1, 1, 0, 1, 20])
        #expect(minute(1, "1080p") == nil)
        #expect(minute(1, "720p") == [1, 0, 0, 1, 10])
        // Back again: in this minute it was counted under both already.
        try fold.given(StreamingEvent("a", .qualityChanged("1080p"), at: 55))
        #expect(minute(0, "1080p") == [1, 1, 0, 1, 15])
        #expect(minute(0, "720p") == [1, 0, 0, 1, 5])
        #expect(minute(1, "720p") == nil)
        try fold.given(StreamingEvent("a", .ended, at: 65))
        #expect(minute(1, "1080p") == [1, 0, 1, 1, 5])
        #expect(minute(1) == [1, 0, 1, 1, 5])
    }

    @Test("Clocks that go back take nothing back that was counted")
    func backwards() throws {
        try fold.given(
            start("a", at: 100),
            StreamingEvent("a", .heartbeat(1), at: 99),
            StreamingEvent("a", .qualityChanged("720p"), at: 95),
            StreamingEvent("a", .ended, at: 90)
        )
        #expect(minute(1) == [1, 1, 1, 0, 0])
        #expect(minute(1, "1080p") == [1, 1, 0, 0, 0])
        #expect(minute(1, "720p") == [1, 0, 1, 0, 0])
        #expect(fold.count(of: "audience_by_minute") == 3)
    }

    @Test("Times before 2000 have their minutes, too")
    func before() throws {
        try fold.given(start("a", at: -30.5))
        #expect(minute(-1) == [1, 1, 0, 1, 30])
        #expect(fold.count(of: "audience_by_minute") == 2)
    }

    @Test(
        "A time that leaves no room for the minutes beside it is refused",
        arguments: [.min + 2, .max - 1] as [Int64]
    )
    func extremes(time: Int64) throws {
        try fold.given(start("a", at: 0))
        let kinds: [StreamingEvent.Kind] = [
            .started(user: "u", video: "v", quality: "q"), .heartbeat(0), .qualityChanged("q"), .ended,
        ]
        for kind in kinds {
            let refusal = #expect(throws: EventRefusal.self) {
                try fold.given(StreamingEvent("a", kind, microseconds: time))
            }
            #expect(refusal?.code == .overflow)
        }
        #expect(minute(0) == [1, 1, 0, 1, 30])
    }

    @Test("The quality that stands for all is refused, and so is one more than there can be")
    func limits() throws {
        for number in 1...AudienceByMinute.mostQualities { try fold.given(start("s\(number)", "q\(number)", at: 0)) }
        #expect(minute(0) == [32, 32, 0, 32, 32 * 30])
        let started = #expect(throws: EventRefusal.self) { try fold.given(start("t", "another", at: 0)) }
        #expect(
            started?.description
                == "quality: expected one of the 32 qualities that were seen first, found another"
        )
        let changed = #expect(throws: EventRefusal.self) {
            try fold.given(StreamingEvent("s1", .qualityChanged("another"), at: 1))
        }
        #expect(changed?.field == "new_quality")
        #expect(throws: EventRefusal.self) { try fold.given(start("t", "*", at: 0)) }
        try fold.given(StreamingEvent("t", .heartbeat(1), at: 1), start("t", "q1", at: 0))
        #expect(minute(0, "q1") == [2, 2, 0, 2, 60])
        #expect(throws: EventRefusal.self) {
            try ProjectionFold(AudienceByMinute()).given(start("t", String(repeating: "q", count: 2_001), at: 0))
        }
    }

    @Test("A session is live for as long as the setting says")
    func setting() throws {
        let fold = ProjectionFold(AudienceByMinute(liveFor: .seconds(60)))
        try fold.given(start("a", at: 59))
        #expect(fold.row("audience_by_minute", .timestamp(.epoch), "*")?["watched_seconds"] == 1)
        let next = Timestamp(microseconds: 60_000_000)
        #expect(fold.row("audience_by_minute", .timestamp(next), "*")?["watched_seconds"] == 59)
    }

    @Test(
        "Each field that is read refuses its event when it is missing",
        arguments: [
            (EventType.streamingStarted, #"{"quality":"q"}"#, "session_id"),
            (.streamingStarted, #"{"session_id":"n"}"#, "quality"), (.streamingHeartbeat, "{}", "session_id"),
            (.streamingQualityChanged, #"{"session_id":"s"}"#, "new_quality"),
            (.streamingQualityChanged, #"{"new_quality":"q"}"#, "session_id"), (.streamingEnded, "{}", "session_id"),
        ]
    )
    func refusals(type: EventType, payload: String, field: String) throws {
        let refusal = #expect(throws: EventRefusal.self) { try fold.given(type, payload) }
        #expect(refusal?.field == field)
        #expect(throws: EventRefusal.self) { try fold.given(type, #"{"session_id":"s"}"#, at: .infinity) }
    }

    // MARK: An independent fold

    /// A session as the plainest fold has it: the quality of every second in which it is live.
    private struct Session {
        var quality: String
        var live: [Int64: String] = [:]
        var last: Int64
        var latest: Int64
        var isEnded = false
        /// Where it was seen: the minute and the quality.
        var seen: Set<Cell> = []
    }

    private struct Cell: Hashable {
        let minute: Int64
        let quality: String
    }

    /// Folds second by second, without counters.
    private func reference(_ events: [StreamingEvent], liveFor: Int64) -> [Cell: [Int64]] {
        func floor(_ number: Int64, by divisor: Int64) -> Int64 {
            number >= 0 ? number / divisor : -((-number + divisor - 1) / divisor)
        }
        var sessions: [String: Session] = [:]
        var (started, ended): ([Cell], [Cell]) = ([], [])
        for event in events {
            let second = floor(event.time, by: 1_000_000)
            var session: Session
            if case .started(_, _, let quality) = event.kind {
                guard sessions[event.session] == nil else { continue }
                session = Session(quality: quality, last: second, latest: second)
                started.append(Cell(minute: floor(second, by: 60), quality: quality))
            } else {
                guard let known = sessions[event.session], !known.isEnded else { continue }
                session = known
            }
            if case .heartbeat = event.kind, second < session.last { continue }
            if case .qualityChanged(session.quality) = event.kind { continue }
            session.latest = max(session.latest, second)
            let present = floor(session.latest, by: 60)
            switch event.kind {
            case .started, .heartbeat:
                session.last = second
                for other in session.latest..<max(session.latest, second + liveFor) where session.live[other] == nil {
                    session.live[other] = session.quality
                }
            case .qualityChanged(let quality):
                session.quality = quality
                for other in session.live.keys where other >= session.latest { session.live[other] = quality }
                session.seen = session.seen.filter { $0.minute <= present }
            case .ended:
                session.live = session.live.filter { $0.key < session.latest }
                session.seen = session.seen.filter { $0.minute <= present }
                session.isEnded = true
                ended.append(Cell(minute: present, quality: session.quality))
            }
            for (second, quality) in session.live {
                session.seen.insert(Cell(minute: floor(second, by: 60), quality: quality))
            }
            sessions[event.session] = session
        }
        var viewers: [Cell: [Int64: Int64]] = [:]
        var rows: [Cell: [Int64]] = [:]
        func add(_ cell: Cell, _ place: Int, _ amount: Int64 = 1) {
            rows[cell, default: [0, 0, 0, 0, 0]][place] += amount
        }
        for session in sessions.values {
            for cell in session.seen { add(cell, 0) }
            for minute in Set(session.seen.map(\.minute)) { add(Cell(minute: minute, quality: "*"), 0) }
            for (second, quality) in session.live {
                for cell in [quality, "*"].map({ Cell(minute: floor(second, by: 60), quality: $0) }) {
                    viewers[cell, default: [:]][second, default: 0] += 1
                    add(cell, 4)
                }
            }
        }
        for (place, cells) in [(1, started), (2, ended)] {
            for cell in cells {
                add(cell, place)
                add(Cell(minute: cell.minute, quality: "*"), place)
            }
        }
        for (cell, seconds) in viewers { add(cell, 3, seconds.values.max() ?? 0) }
        return rows
    }

    @Test("Every row is that of a fold that remembers every second of every session", arguments: 1...12)
    func reference(seed: Int) throws {
        let liveFor: Int64 = [30, 1, 60, 45][seed % 4]
        let fold = ProjectionFold(AudienceByMinute(liveFor: .seconds(liveFor)))
        let events = StreamingEvent.hostile(seed: UInt64(seed), count: 250)
        try fold.given(events)
        let expected = reference(events, liveFor: liveFor)
        #expect(expected.count > 50)
        #expect(fold.count(of: "audience_by_minute") == expected.count)
        for (cell, numbers) in expected {
            let row = fold.row(
                "audience_by_minute",
                .timestamp(Timestamp(microseconds: cell.minute * 60_000_000)),
                .text(Text(cell.quality))
            )
            let found = ["sessions", "started", "ended", "peak_viewers", "watched_seconds"].map { row?[$0]?.number }
            #expect(found == numbers.map { Double($0) }, "\(cell)")
        }
    }
}
