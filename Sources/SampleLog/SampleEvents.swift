internal import EventStore
internal import Refold
internal import VideoDomain

/// The events of a sample log, one after the other: a value, so a copy continues from where it was made.
public struct SampleEvents: Sequence, IteratorProtocol, Sendable {
    private static let span: Int64 = 90 * 86_400 * 1_000_000
    /// Where the clock stands still: the end of 294276, PostgreSQL's last year, less the days by which an event may be
    /// dated ahead of the clock.
    private static let lastMoment: Int64 = 9_223_371_331_200_000_000 - 3 * 86_400 * 1_000_000

    let people: SamplePeople
    private let count: Int
    private let salt: UInt64
    private let edgeStride: Int
    private let contentPopularity: Popularity
    private let userPopularity: Popularity
    private let step: Int

    private var random: SplitMix64
    private var produced = 0
    private var nextEdge = 0
    private var clock: Int64
    private var registered = 0
    private var added = 0
    private var preferences: [UInt16]
    private var sessions: SampleSessions
    /// Events of the second in hand, the next one last.
    private var sessionEvents: [SampleDraft] = []

    /// - Parameter arrival: how viewing sessions begin; those of the log unless given.
    init(log: SampleLog, origin: SampleOrigin, actor: UInt64 = 0, arrival: SampleSessions.Arrival? = nil) {
        salt = SplitMix64.mix(log.seed &+ SplitMix64.mix(UInt64(bitPattern: origin.position.rawValue)) &+ actor << 40)
        people = SamplePeople(seed: log.seed, users: log.users, contents: log.contents, sessionSalt: salt)
        count = log.events
        edgeStride = Swift.max(1, log.events / (SampleEdges.count + 1))
        contentPopularity = Popularity(count: log.contents, offset: 10)
        userPopularity = Popularity(count: log.users, offset: 10 + Double(log.users) / 200)
        step = Int(Self.span / Int64(Swift.max(1, log.events)))
        random = SplitMix64(seed: salt)
        clock = origin.timestamp.rawValue
        preferences = [UInt16](repeating: 0, count: log.users + SamplePeople.oddUsers.count)
        sessions = SampleSessions(
            arrival ?? .evening(log.sessions),
            people: people,
            users: userPopularity,
            contents: contentPopularity,
            salt: salt
        )
    }

    /// The next event, or nil after the log's last one.
    public mutating func next() -> SampleEvent? {
        guard produced < count else { return nextOfSessions() }
        produced += 1
        let pause = Int64(random.below(2 * step + 1))
        clock = clock > Self.lastMoment - pause ? Self.lastMoment : clock + pause
        if nextEdge < SampleEdges.count, produced % edgeStride == 0 {
            defer { nextEdge += 1 }
            return finish(SampleEdges.draft(nextEdge, people: people, at: clock))
        }
        // Clocks of different machines disagree: one event in 200 carries a time of up to ten minutes before.
        let time = random.oneIn(200) ? clock - Int64(random.below(Swift.max(600_000_000, 8 * step))) : clock
        return finish(ordinary(at: Timestamp(microseconds: time)))
    }

    /// The next event of a viewing session, or nil when all are over.
    private mutating func nextOfSessions() -> SampleEvent? {
        while sessionEvents.isEmpty {
            guard let events = sessions.next(after: clock) else { return nil }
            sessionEvents = events.reversed()
        }
        produced += 1
        return finish(sessionEvents.removeLast())
    }

    /// The events of the sessions' next second.
    mutating func nextSecond() -> [SampleEvent] {
        (sessions.next(after: clock) ?? []).map { draft in
            produced += 1
            return finish(draft)
        }
    }

    /// The stream's name as the store has it.
    public func name(of stream: SampleStream) -> String {
        people.name(of: stream)
    }

    private mutating func ordinary(at time: Timestamp) -> SampleDraft {
        switch random.below(10_000) {
        case ..<7_970: watched(at: time)
        case ..<9_170: rated(at: time)
        case ..<9_570: preferencesUpdated(at: time)
        case ..<9_770: subscribed(at: time)
        case ..<9_970: userRegistered(at: time)
        default: contentAdded(at: time)
        }
    }

    /// A user: mostly one that has registered, sometimes one that has not yet or never will.
    private mutating func pickUser() -> Int {
        for _ in 0..<4 {
            let user = userPopularity.draw(&random)
            if user < registered || random.oneIn(30) { return user }
        }
        return registered > 0 ? random.below(registered) : userPopularity.draw(&random)
    }

    private mutating func watched(at time: Timestamp) -> SampleDraft {
        let user = pickUser()
        let card = people.cards[contentPopularity.draw(&random)]
        var draft = SampleDraft(.contentWatched, .user(user), at: time)
        draft.begin(user: user, of: people)
        draft.payload.append(",\"content_id\":")
        draft.payload.append(contentsOf: card.id)
        // Most watch to the end or leave early.
        let tenths =
            switch random.below(10) {
            case ..<4: 1_000
            case ..<6: random.below(150)
            default: random.below(1_001)
            }
        draft.payload.append(",\"watch_duration_seconds\":")
        draft.payload.appendDecimal(Int64((600 + random.below(7_200)) * tenths / 1_000))
        draft.payload.append(",\"completion_percentage\":")
        draft.payload.appendDecimal(Int64(tenths / 10))
        if tenths % 10 != 0 {
            draft.payload.append(0x2E)
            draft.payload.appendDecimal(Int64(tenths % 10))
        }
        if !random.oneIn(25) { draft.payload.append(contentsOf: card.genre) }
        if !random.oneIn(15) { draft.payload.append(contentsOf: card.title) }
        draft.end()
        return draft
    }

    private mutating func rated(at time: Timestamp) -> SampleDraft {
        let user = pickUser()
        let content = contentPopularity.draw(&random)
        var draft = SampleDraft(.contentRated, .content(content), at: time)
        draft.begin(user: user, of: people)
        draft.payload.append(",\"content_id\":")
        draft.payload.append(contentsOf: people.cards[content].id)
        draft.payload.append(",\"rating\":")
        let rating = 5 - random.below(5) * random.below(5) / 4
        draft.payload.appendDecimal(Int64(rating))
        if rating < 5, random.oneIn(8) { draft.payload.append(".5") }
        draft.end()
        return draft
    }

    private mutating func preferencesUpdated(at time: Timestamp) -> SampleDraft {
        let user = pickUser()
        let wanted = UInt16(truncatingIfNeeded: random.next() & random.next()) & 0xFFF
        var draft = SampleDraft(.preferencesUpdated, .user(user), at: time)
        draft.begin(user: user, of: people)
        draft.payload.append(",\"old_preferences\":")
        draft.append(genres: preferences[user])
        draft.payload.append(",\"new_preferences\":")
        draft.append(genres: wanted)
        draft.end(stamped: ",\"update_timestamp\":")
        preferences[user] = wanted
        return draft
    }

    private mutating func subscribed(at time: Timestamp) -> SampleDraft {
        let user = pickUser()
        let plans: [StaticString] = ["\"free\"", "\"basic\"", "\"standard\"", "\"premium\"", "\"premium\""]
        let methods: [StaticString] = ["\"card\"", "\"paypal\"", "\"invoice\"", "\"gift\""]
        var draft = SampleDraft(.userSubscribed, .user(user), at: time)
        draft.begin(user: user, of: people)
        draft.payload.append(",\"plan\":")
        draft.payload.append(plans[random.below(5)])
        draft.payload.append(",\"payment_method\":")
        draft.payload.append(methods[random.below(4)])
        draft.end(stamped: ",\"subscription_timestamp\":")
        return draft
    }

    private mutating func userRegistered(at time: Timestamp) -> SampleDraft {
        // One user in 32 never registers; when all others have, and now and then before, somebody does so again.
        let isRepeated = registered == people.users || (registered > 0 && random.oneIn(100))
        let user = isRepeated ? random.below(registered) : registered
        if !isRepeated { registered += 1 }
        if !isRepeated, user % 32 == 31, registered < people.users { return userRegistered(at: time) }
        let wanted = UInt16(truncatingIfNeeded: random.next() & random.next()) & 0xFFF
        var draft = SampleDraft(.userRegistered, .user(user), at: time)
        draft.begin(user: user, of: people)
        draft.payload.append(0x2C)
        people.append(personalDataOf: user, to: &draft.payload)
        draft.payload.append(",\"initial_preferences\":")
        draft.append(genres: wanted)
        draft.end(stamped: ",\"registration_timestamp\":")
        preferences[user] = wanted
        return draft
    }

    private mutating func contentAdded(at time: Timestamp) -> SampleDraft {
        // Three contents in five are announced, in turn; when all are, it starts over.
        while added % 5 > 2 { added += 1 }
        let content = added % people.contents
        added += 1
        var draft = SampleDraft(.contentAdded, .content(content), at: time)
        draft.payload.append("{\"content_id\":")
        draft.payload.append(contentsOf: people.cards[content].id)
        draft.payload.append(contentsOf: people.cards[content].added)
        draft.end()
        return draft
    }

    private mutating func finish(_ draft: SampleDraft) -> SampleEvent {
        let agents: [StaticString] = [
            "Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0", "Mozilla/5.0 (Macintosh) Safari/17.6",
            "VideoApp/7.4.1 (iPhone; iOS 18.1)", "VideoApp/7.4.0 (Android 15)", "VideoTV/3.12 (webOS 8)",
        ]
        var metadata: [UInt8] = []
        metadata.reserveCapacity(160)
        metadata.append("{\"correlation_id\":\"")
        metadata.append(id: SampleID(.correlation, UInt64(produced), seed: salt))
        metadata.append("\",\"user_agent\":\"")
        metadata.append(agents[random.below(5)])
        metadata.append("\",\"ip\":\"203.0.113.")
        metadata.appendDecimal(Int64(random.below(254) + 1))
        metadata.append("\"}")
        return SampleEvent(
            id: EventID(SampleID(.event, UInt64(produced), seed: salt)),
            stream: draft.stream,
            type: draft.type,
            timestamp: draft.timestamp,
            payload: draft.payload,
            metadata: metadata
        )
    }
}
