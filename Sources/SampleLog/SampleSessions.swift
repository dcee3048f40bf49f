internal import Refold
internal import VideoDomain

/// The viewing sessions of a sample log, second by second: they begin, beat every ten seconds or so, change their
/// quality and end. Some end without a word, and some fall silent for a while and come back.
struct SampleSessions: Sendable {
    /// When sessions begin.
    enum Arrival: Sendable {
        /// So many of them, spread evenly over an evening.
        case evening(Int)
        /// For ever, so that so many are under way at once.
        case kept(Int)
    }

    private struct Session {
        let index: Int
        let user: Int
        let content: Int
        let start: Int
        var quality: Int
        /// How many heartbeats are left; nil before the start.
        var beats: Int?
    }

    /// Four hours.
    private static let evening = 4 * 3_600
    /// Longer than any pause of a session.
    private static let ring = 64
    private static let qualities: [StaticString] = ["1080p", "720p", "4k", "480p"]

    private let people: SamplePeople
    private let arrival: Arrival
    private let users: Popularity
    private let contents: Popularity
    private var random: SplitMix64
    /// The second that comes next.
    private var second = 0
    private var started = 0
    private var running = 0
    /// The sessions that have something to say, by their seconds modulo ``ring``.
    private var due = [[Session]](repeating: [], count: Self.ring)

    init(_ arrival: Arrival, people: SamplePeople, users: Popularity, contents: Popularity, salt: UInt64) {
        self.arrival = arrival
        self.people = people
        self.users = users
        self.contents = contents
        random = SplitMix64(seed: SplitMix64.mix(salt &+ 0x7365_7373))
    }

    /// The events of the next second, in no order of their times; nil when all sessions are over.
    ///
    /// - Parameter clock: the moment of second 0, in microseconds since 2000.
    mutating func next(after clock: Int64) -> [SampleDraft]? {
        if case .evening(let total) = arrival, started == total, running == 0 { return nil }
        let place = second % Self.ring
        let speaking = due[place] + arrivals()
        due[place] = []
        var drafts: [SampleDraft] = []
        for session in speaking {
            let time = Timestamp(microseconds: clock + Int64(second) * 1_000_000 + Int64(random.below(1_000_000)))
            if let draft = speak(session, at: time) { drafts.append(draft) }
        }
        second += 1
        return drafts
    }

    /// The sessions that begin in this second.
    private mutating func arrivals() -> [Session] {
        let count =
            switch arrival {
            case .evening(let total): min(total, total * (second + 1) / Self.evening + 1) - started
            // A tenth at once at most, so that not all beat in the same second.
            case .kept(let count): min(count - running, count / 10 + 1)
            }
        return (0..<max(0, count)).map { _ in
            defer { (started, running) = (started + 1, running + 1) }
            return Session(
                index: started,
                user: users.draw(&random),
                content: contents.draw(&random),
                start: second,
                quality: random.oneIn(3) ? random.below(Self.qualities.count) : 0
            )
        }
    }

    /// What a session says in this second, and when it will speak again.
    private mutating func speak(_ session: Session, at time: Timestamp) -> SampleDraft? {
        var session = session
        guard let beats = session.beats else {
            // Some look in for a moment only.
            session.beats = random.oneIn(4) ? random.below(4) : 4 + random.below(56)
            wait(session, seconds: 8 + random.below(5))
            return started(session, at: time)
        }
        guard beats > 0 else {
            running -= 1
            return random.oneIn(8) ? nil : draft(.streamingEnded, session, at: time)
        }
        if random.oneIn(12) {
            let old = session.quality
            session.quality = (old + 1 + random.below(Self.qualities.count - 1)) % Self.qualities.count
            wait(session, seconds: 1 + random.below(3))
            return qualityChanged(session, from: old, at: time)
        }
        session.beats = beats - 1
        wait(session, seconds: random.oneIn(60) ? 40 + random.below(20) : 8 + random.below(5))
        return heartbeat(session, at: time)
    }

    private mutating func wait(_ session: Session, seconds: Int) {
        due[(second + seconds) % Self.ring].append(session)
    }

    // MARK: Events

    private func started(_ session: Session, at time: Timestamp) -> SampleDraft {
        draft(.streamingStarted, session, at: time) { draft in
            draft.payload.append(",\"video_id\":")
            draft.payload.append(contentsOf: people.cards[session.content].id)
            draft.append(Self.qualities[session.quality], as: ",\"quality\":\"")
            draft.payload.append(",\"start_time\":")
            draft.payload.appendJSON(time)
        }
    }

    private func qualityChanged(_ session: Session, from old: Int, at time: Timestamp) -> SampleDraft {
        draft(.streamingQualityChanged, session, at: time) { draft in
            draft.append(Self.qualities[old], as: ",\"old_quality\":\"")
            draft.append(Self.qualities[session.quality], as: ",\"new_quality\":\"")
        }
    }

    private func heartbeat(_ session: Session, at time: Timestamp) -> SampleDraft {
        draft(.streamingHeartbeat, session, at: time) { draft in
            draft.payload.append(",\"current_time\":")
            draft.payload.appendDecimal(Int64(second - session.start))
        }
    }

    private func draft(
        _ type: EventType,
        _ session: Session,
        at time: Timestamp,
        _ fields: (inout SampleDraft) -> Void = { _ in }
    ) -> SampleDraft {
        var draft = SampleDraft(type, .session(session.index), at: time)
        draft.begin(user: session.user, of: people)
        draft.payload.append(",\"session_id\":\"")
        draft.payload.append(id: people.id(ofSession: session.index))
        draft.payload.append(0x22)
        fields(&draft)
        draft.end()
        return draft
    }
}

extension SampleDraft {
    /// Appends a field whose text needs no escapes.
    fileprivate mutating func append(_ text: StaticString, as key: StaticString) {
        payload.append(key)
        payload.append(text)
        payload.append(0x22)
    }
}
