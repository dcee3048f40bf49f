public import Refold
import VideoDomain

/// How many watched in each minute, in all and by quality.
///
/// Liveness is counted for whole seconds of the events' own timestamps, cut to the second below: a start and a
/// heartbeat make a session live for that second and the 29 after it, `ended` takes the seconds from its own on back,
/// and a change of quality gives them to the new quality. Each row keeps 60 counters, and `peak_viewers` is the
/// greatest. Peaks do not add up, so the rows of quality `*` count all sessions. Nothing looks at a clock: a rebuild
/// gives the same history.
///
/// Clocks may go back. A heartbeat older than the last is ignored; a change of quality and an end that are older than
/// an earlier event of their session count as of that event's moment, so what was counted once stays.
public struct AudienceByMinute: Projection {
    /// `audience_by_minute`.
    public let name: ProjectionName = "audience_by_minute"
    /// The first.
    public let version = 1
    /// All events of sessions.
    public let eventTypes: [EventType] = [
        .streamingStarted, .streamingQualityChanged, .streamingHeartbeat, .streamingEnded,
    ]
    /// The table `audience_by_minute`, key `minute` and `quality`, and two tables of its own.
    public let model: ReadModel
    /// For how long a heartbeat makes a session live, since it changes the counts.
    public var settings: [ProjectionSetting] {
        [
            ProjectionSetting(
                "live-for",
                .duration(liveFor, in: .seconds(1)...(.seconds(60))),
                of: name,
                changesFold: true
            )
        ]
    }
    /// The rows that changed last.
    public var defaultHotSet: HotSetSettings { HotSetSettings(.all) }

    /// The quality of the rows that count all sessions.
    public static let allQualities: Text = "*"
    /// How many qualities there can be. An event that names another one is refused: each would have rows of its own in
    /// every minute.
    public static let mostQualities = 32

    /// For how long a heartbeat makes a session live.
    public let liveFor: Duration
    let audience: MinuteTable
    let sessions: SessionTable
    private let knownQualities: Table
    private let names: Column<TextSet>

    /// - Parameter liveFor: for how long a heartbeat makes a session live: from 1 to 60 s, cut to the second below.
    public init(liveFor: Duration = .seconds(30)) {
        self.liveFor = liveFor
        var model = ReadModel()
        audience = MinuteTable(in: &model)
        sessions = SessionTable(in: &model)
        knownQualities = model.addTable("audience_qualities", key: .integer("id"), isPublic: false)
        names = model.addColumn("names", to: knownQualities)
        self.model = model
    }

    /// The same with another time.
    public func with(_ values: SettingValues) -> Self { Self(liveFor: values.duration("live-for")) }

    /// Applies one event to its session and to the minutes in which it is live.
    public func apply(_ event: Event, to rows: Rows) throws {
        let second = try second(of: event.timestamp)
        switch event.type {
        case .streamingHeartbeat:
            guard let session = try running(StreamingHeartbeat(event.payload).sessionID, in: rows),
                second >= session.lastHeartbeat
            else { return }
            try session.keepAlive(at: second)
        case .streamingStarted:
            let started = StreamingStarted(event.payload)
            let (sessionID, quality) = try (started.sessionID, started.quality)
            guard try rows.find(sessions.table, sessionID) == nil else { return }
            try admit(quality, field: "quality", in: rows)
            let row = try rows.findOrInsert(sessions.table, sessionID)
            try AudienceSession(row, of: self, rows).start(in: quality, at: second)
        case .streamingQualityChanged:
            let changed = StreamingQualityChanged(event.payload)
            let (sessionID, quality) = try (changed.sessionID, changed.newQuality)
            guard let session = try running(sessionID, in: rows) else { return }
            try admit(quality, field: "new_quality", in: rows)
            try session.changeQuality(to: quality, at: second)
        case .streamingEnded:
            guard let session = try running(StreamingEnded(event.payload).sessionID, in: rows) else { return }
            try session.end(at: second)
        default: break
        }
    }

    /// The session if it was started and has not ended.
    private func running(_ sessionID: Text, in rows: Rows) throws -> AudienceSession? {
        guard let row = try rows.find(sessions.table, sessionID), !row[sessions.isEnded] else { return nil }
        return AudienceSession(row, of: self, rows)
    }

    /// Whole seconds since 2000, cut to the second below.
    ///
    /// - Throws: `EventRefusal` for a time so close to the end of what can be stored that a minute beside it has no
    ///   time to be stored under.
    private func second(of time: Timestamp) throws(EventRefusal) -> Int64 {
        _ = try time - .seconds(60)
        _ = try time + .seconds(120)
        let (seconds, rest) = time.rawValue.quotientAndRemainder(dividingBy: 1_000_000)
        return rest < 0 ? seconds - 1 : seconds
    }

    /// Refuses a quality that cannot have rows.
    private func admit(_ quality: Text, field: String, in rows: Rows) throws {
        let known = try rows.findOrInsert(knownQualities, 0)
        if known.contains(quality, in: names) { return }
        guard quality != Self.allQualities else {
            throw EventRefusal(.outOfRange, field: field, "expected one quality, found *, which stands for all of them")
        }
        guard known.count(of: names) < Self.mostQualities else {
            throw EventRefusal(
                .outOfRange,
                field: field,
                "expected one of the \(Self.mostQualities) qualities that were seen first, found another"
            )
        }
        known.insert(quality, into: names)
    }
}

/// The table that readers see, and the counters beside it.
struct MinuteTable: Sendable {
    let table: Table
    let sessions: Column<Int64>
    let started: Column<Int64>
    let ended: Column<Int64>
    let peakViewers: Column<Int64>
    let watchedSeconds: Column<Int64>
    /// How many sessions are live in each second of the minute.
    let viewers: Column<IntegerList>

    init(in model: inout ReadModel) {
        table = model.addTable("audience_by_minute", key: .timestamp("minute"), .text("quality"))
        sessions = model.addColumn("sessions", to: table)
        started = model.addColumn("started", to: table)
        ended = model.addColumn("ended", to: table)
        peakViewers = model.addColumn("peak_viewers", to: table)
        watchedSeconds = model.addColumn("watched_seconds", to: table)
        viewers = model.addColumn("viewers", to: table, isPublic: false)
    }
}

/// How far each session has been counted.
struct SessionTable: Sendable {
    let table: Table
    let quality: Column<Text>
    let isEnded: Column<Bool>
    /// The second of the last heartbeat; the start counts as the first.
    let lastHeartbeat: Column<Int64>
    /// The second of the latest event. The seconds from it on may still be taken back.
    let latest: Column<Int64>
    /// The second behind the last one that the session is counted in.
    let end: Column<Int64>
    /// The qualities under which it is counted in the minute of `latest`.
    let counted: Column<[Text]>

    init(in model: inout ReadModel) {
        table = model.addTable("audience_sessions", key: .text("session_id"), isPublic: false)
        quality = model.addColumn("quality", to: table)
        isEnded = model.addColumn("is_ended", to: table)
        lastHeartbeat = model.addColumn("last_heartbeat", to: table)
        latest = model.addColumn("latest", to: table)
        end = model.addColumn("end", to: table)
        counted = model.addColumn("counted", to: table)
    }
}
