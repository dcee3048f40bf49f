import EventStore
import Foundation
import Refold
import SampleLog
import Testing
import VideoDomain

@Suite("A sample log") struct SampleLogTests {
    private let log = SampleLog(events: 20_000, seed: 7)

    private func fields(of event: SampleEvent) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(event.payload)) as? [String: Any])
    }

    @Test("is the same for the same seed, and another for another seed or origin") func isDeterministic() {
        func text(_ events: SampleEvents) -> [String] {
            events.prefix(500).map {
                "\($0.id) \($0.stream) \($0.timestamp) \(String(decoding: $0.payload, as: UTF8.self))"
            }
        }
        let first = text(log.makeEvents())
        #expect(first == text(log.makeEvents()))
        #expect(first != text(SampleLog(events: 20_000, seed: 8).makeEvents()))
        let continued = text(
            log.makeEvents(after: SampleOrigin(position: 20_000, timestamp: Timestamp(microseconds: 0)))
        )
        #expect(Set(first).isDisjoint(with: continued))
    }

    @Test("does not change from release to release") func hasAKnownBeginning() throws {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for event in SampleLog(events: 3_000).makeEvents() {
            for byte in event.id.bytes + event.payload + event.metadata {
                hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
            }
        }
        #expect(hash == 10_230_378_577_171_382_121)
    }

    @Test("with sessions begins as without, and the sessions follow: started, beating, most of them ended")
    func hasSessions() throws {
        let plain = SampleLog(events: 500, users: 40, contents: 20).makeEvents().map(\.id)
        let log = SampleLog(events: 500, users: 40, contents: 20, sessions: 200)
        let events = Array(log.makeEvents())
        #expect(events.prefix(500).map(\.id) == plain)
        #expect(Set(events.map(\.id)).count == events.count)
        #expect(events.map(\.id) == log.makeEvents().map(\.id))

        var streams: [SampleStream: [SampleEvent]] = [:]
        for event in events.dropFirst(500) { streams[event.stream, default: []].append(event) }
        #expect(Set(streams.keys) == Set((0..<200).map { SampleStream.session($0) }))
        for (stream, events) in streams {
            let id = String(log.makeEvents().name(of: stream).dropFirst("session-".count))
            let payloads = try events.map { try fields(of: $0) }
            #expect(payloads.allSatisfy { $0["session_id"] as? String == id })
            #expect(Set(payloads.compactMap { $0["user_id"] as? String }).count == 1)
            #expect(events[0].type == .streamingStarted && payloads[0]["video_id"] is String)
            #expect(payloads[0]["quality"] is String && payloads[0]["start_time"] is String)
            #expect(
                events.dropFirst().dropLast().allSatisfy { ![.streamingStarted, .streamingEnded].contains($0.type) }
            )
            let times = payloads.compactMap { $0["current_time"] as? Double }
            #expect(times == times.sorted())
            for (event, payload) in zip(events, payloads) where event.type == .streamingQualityChanged {
                #expect(payload["old_quality"] as? String != payload["new_quality"] as? String)
            }
        }
        let ended = streams.values.count { $0.last?.type == .streamingEnded }
        #expect(ended > 150 && ended < 200)
    }

    @Test("has exactly as many events as asked for, each with an id of its own") func hasItsCount() {
        for count in [0, 1, 10, 1_000] {
            let ids = SampleLog(events: count).makeEvents().map(\.id)
            #expect(ids.count == count)
            #expect(Set(ids).count == count)
        }
    }

    @Test("has the shares of the event types that it promises") func hasItsShares() {
        var counts: [EventType: Int] = [:]
        for event in log.makeEvents() { counts[event.type, default: 0] += 1 }
        func percent(_ type: EventType) -> Double { Double(counts[type, default: 0]) / 200 }
        #expect(abs(percent(.contentWatched) - 80) < 1)
        #expect(abs(percent(.contentRated) - 12) < 1)
        #expect(abs(percent(.preferencesUpdated) - 4) < 0.5)
        #expect(abs(percent(.userSubscribed) - 2) < 0.5)
        #expect(abs(percent(.userRegistered) - 2) < 0.5)
        #expect(percent(.contentAdded) > 0.1 && percent(.contentAdded) < 0.6)
        #expect(counts[.sessionStarted] == 2)
    }

    @Test("has ids that are UUIDs of version 4") func hasVersion4Ids() throws {
        let pattern = try Regex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
        for event in log.makeEvents().prefix(200) {
            #expect(event.id.description.wholeMatch(of: pattern) != nil)
            #expect(UUID(uuidString: event.id.description)?.uuidString.lowercased() == event.id.description)
        }
    }

    @Test("advances over about 90 days and sometimes steps back") func hasATimeline() throws {
        let times = log.makeEvents().map(\.timestamp.rawValue)
        let day: Int64 = 86_400_000_000
        let origin = SampleOrigin.empty.timestamp.rawValue
        #expect(times.first.map { abs($0 - origin) < day } == true)
        let usual = times.sorted().dropFirst(10).dropLast(10)
        #expect(try abs(#require(usual.last) - #require(usual.first) - 90 * day) < 5 * day)
        let steps = zip(times, times.dropFirst()).count { $0 > $1 }
        #expect(steps > 50 && steps < 400)
    }

    @Test("stands still at the end of PostgreSQL's times, and begins at the other end", arguments: [1, 100])
    func staysWithinTimes(events: Int) {
        let (first, last) = (Int64(-211_810_204_800_000_000), Int64(9_223_371_331_199_999_999))
        for origin in [first + 400 * 86_400_000_000, 0, last] {
            let origin = SampleOrigin(position: 1, timestamp: Timestamp(microseconds: origin))
            let times = SampleLog(events: events).makeEvents(after: origin).map(\.timestamp.rawValue)
            #expect(times.count == events && times.allSatisfy { (first...last).contains($0) })
        }
    }

    @Test("has payloads that every projection accepts") func hasValidPayloads() throws {
        for event in log.makeEvents() where event.type != .sessionStarted {
            let payload = try fields(of: event)
            switch event.type {
            case .contentWatched:
                #expect(payload["user_id"] is String && payload["content_id"] is String)
                let seconds = try #require(payload["watch_duration_seconds"] as? Double)
                #expect(seconds >= 0 && seconds <= 1e9 && seconds == seconds.rounded())
                let completion = try #require(payload["completion_percentage"] as? Double)
                #expect(completion >= 0 && completion <= 100)
            case .contentRated:
                let rating = try #require(payload["rating"] as? Double)
                #expect(rating >= 1 && rating <= 5)
            case .contentAdded:
                #expect(payload["title"] is String && payload["genre"] is String)
            case .userRegistered:
                #expect(payload["email"] is String && payload["name"] is String)
                #expect(payload["initial_preferences"] is [String])
            case .preferencesUpdated:
                #expect(payload["new_preferences"] is [String])
            case .userSubscribed:
                #expect(payload["plan"] is String && payload["payment_method"] is String)
            default:
                Issue.record("\(event.type) is not of the sample domain")
            }
            #expect(try JSONSerialization.jsonObject(with: Data(event.metadata)) is [String: String])
        }
    }

    @Test("has timestamps in payloads that say what the event's own timestamp says") func writesTimestamps() throws {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        let days = (-40...40).map { Int64($0) * 367 * 86_400_000_000 + 3_723_004_000 }
        for time in days {
            let log = SampleLog(events: 1_000_000, users: 10, contents: 10).makeEvents(
                after: SampleOrigin(position: 1, timestamp: Timestamp(microseconds: time))
            )
            let event = try #require(log.first { $0.type == .userSubscribed })
            let text = try #require(try fields(of: event)["subscription_timestamp"] as? String)
            let parsed = try #require(formatter.date(from: text))
            #expect(abs(parsed.timeIntervalSince1970 - 946_684_800 - Double(event.timestamp.rawValue) / 1e6) < 0.002)
        }
    }

    @Test("has every edge, in a small log too", arguments: [SampleLog.edges + 200, 20_000]) func hasEveryEdge(
        events: Int
    ) throws {
        var registered: Set<String> = []
        var watched: Set<String> = []
        var contents: Set<String> = []
        var seen: Set<String> = []
        for event in SampleLog(events: events).makeEvents() where event.type != .sessionStarted {
            let payload = try fields(of: event)
            if let content = payload["content_id"] as? String { contents.insert(content) }
            switch event.type {
            case .userRegistered:
                let user = try #require(payload["user_id"] as? String)
                if !registered.insert(user).inserted { seen.insert("registered again") }
                if (payload["name"] as? String)?.utf8.contains(where: { $0 > 127 }) == true { seen.insert("name") }
            case .contentWatched:
                let content = try #require(payload["content_id"] as? String)
                watched.insert(content)
                if !registered.contains(payload["user_id"] as? String ?? "") { seen.insert("unregistered viewer") }
                for key in ["genre", "title"] {
                    if payload[key] == nil { seen.insert("no \(key)") }
                    if payload[key] is NSNull { seen.insert("null \(key)") }
                    if payload[key] as? String == "" { seen.insert("empty \(key)") }
                }
                if (payload["title"] as? String)?.utf8.contains(where: { $0 > 127 }) == true { seen.insert("title") }
            case .contentRated:
                let content = try #require(payload["content_id"] as? String)
                if !watched.contains(content) { seen.insert("rated before the first view") }
            default: break
            }
        }
        #expect(
            seen.isSuperset(of: [
                "registered again", "name", "unregistered viewer", "no genre", "no title", "null genre", "null title",
                "empty genre", "empty title", "title", "rated before the first view",
            ])
        )
        #expect(contents.isSuperset(of: ["top", "genre:drama", "", #"it's "quoted""#, #"back\slash"#, "live"]))
    }

    @Test("has popular contents and users, and a long tail") func isSkewed() throws {
        var views: [SampleStream: Int] = [:]
        for event in log.makeEvents() where event.type == .contentRated { views[event.stream, default: 0] += 1 }
        let sorted = views.values.sorted(by: >)
        #expect(sorted[0] > 5 * sorted[sorted.count / 2])
        #expect(sorted.count > 90)
    }
}
