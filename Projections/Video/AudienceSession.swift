import Refold

/// One session while an event is applied to it: counts it in and out of the minutes in which it is live.
///
/// A session is counted ahead, up to the end of what its last heartbeat allows: at most 60 s, so in the minute of its
/// latest event and in the next one. All it is counted for from the latest event on is under its present quality, which
/// is why that can be taken back without remembering it second by second.
struct AudienceSession {
    private let session: Row
    private let columns: SessionTable
    private let audience: MinuteTable
    private let liveFor: Int64
    private let rows: Rows

    init(_ row: Row, of projection: AudienceByMinute, _ rows: Rows) {
        session = row
        columns = projection.sessions
        audience = projection.audience
        liveFor = projection.liveFor.components.seconds
        self.rows = rows
    }

    /// The second of the last heartbeat.
    var lastHeartbeat: Int64 { session[columns.lastHeartbeat] }

    // MARK: Events

    func start(in quality: Text, at second: Int64) throws {
        session[columns.quality] = quality
        session[columns.latest] = second
        session[columns.end] = second
        try keepAlive(at: second)
        try count(1, of: audience.started, in: Self.minute(of: second), under: quality)
    }

    /// A heartbeat that is not older than the last.
    func keepAlive(at second: Int64) throws {
        advance(to: second)
        session[columns.lastHeartbeat] = second
        try extend(to: second + liveFor)
    }

    func changeQuality(to quality: Text, at second: Int64) throws {
        let old = session[columns.quality]
        guard quality != old else { return }
        advance(to: second)
        let (latest, end) = (session[columns.latest], session[columns.end])
        session[columns.quality] = quality
        guard end > latest else { return }
        try takeBack(latest..<end, under: old)
        try add(latest..<end, under: quality)
    }

    func end(at second: Int64) throws {
        advance(to: second)
        let (latest, end, quality) = (session[columns.latest], session[columns.end], session[columns.quality])
        if end > latest {
            try takeBack(latest..<end, under: quality)
            try takeBack(latest..<end, under: AudienceByMinute.allQualities)
            session[columns.end] = latest
        }
        try count(1, of: audience.ended, in: Self.minute(of: latest), under: quality)
        session[columns.isEnded] = true
        session[columns.counted] = []
    }

    // MARK: Counting

    /// Moves the latest event forward; in a new minute the session is counted under its present quality when it was
    /// counted ahead that far, else under none yet.
    private func advance(to second: Int64) {
        let latest = session[columns.latest]
        guard second > latest else { return }
        session[columns.latest] = second
        let minute = Self.minute(of: second)
        guard minute > Self.minute(of: latest) else { return }
        session[columns.counted] = session[columns.end] > minute * 60 ? [session[columns.quality]] : []
    }

    /// Makes the session live from its latest event up to a second.
    private func extend(to end: Int64) throws {
        let start = max(session[columns.latest], session[columns.end])
        guard start < end else { return }
        try add(start..<end, under: session[columns.quality], isNew: true)
        session[columns.end] = end
    }

    /// Counts the session in seconds that it was not counted in under a quality.
    ///
    /// - Parameter isNew: it was not counted in them at all, so that all qualities together have one more.
    private func add(_ seconds: Range<Int64>, under quality: Text, isNew: Bool = false) throws {
        let present = Self.minute(of: session[columns.latest])
        for (minute, part) in Self.parts(of: seconds) {
            var (isNewHere, isFirst) = (true, isNew)
            if minute == present {
                let counted = session[columns.counted]
                isNewHere = !counted.contains(quality)
                isFirst = counted.isEmpty
                if isNewHere { session[columns.counted] = counted + [quality] }
            } else if isNew {
                // Of the minute ahead it is the first part unless the seconds before were counted, too.
                isNewHere = part.lowerBound == 0
                isFirst = isNewHere
            }
            try change(minute, part, by: 1, sessions: isNewHere ? 1 : 0, under: quality)
            if isNew {
                try change(minute, part, by: 1, sessions: isFirst ? 1 : 0, under: AudienceByMinute.allQualities)
            }
        }
    }

    /// Takes the session out of seconds from its latest event on.
    private func takeBack(_ seconds: Range<Int64>, under quality: Text) throws {
        let present = Self.minute(of: session[columns.latest])
        for (minute, part) in Self.parts(of: seconds) {
            // In the minute of the event it was there; in the next one it was only counted ahead.
            try change(minute, part, by: -1, sessions: minute == present ? 0 : -1, under: quality)
        }
    }

    private func count(_ amount: Int64, of column: Column<Int64>, in minute: Int64, under quality: Text) throws {
        for quality in [quality, AudienceByMinute.allQualities] {
            try row(minute, quality).add(amount, to: column)
        }
    }

    private func change(
        _ minute: Int64,
        _ seconds: Range<Int>,
        by amount: Int64,
        sessions: Int64,
        under quality: Text
    ) throws {
        let row = try self.row(minute, quality)
        var viewers = row[audience.viewers]
        for second in seconds { viewers[second] += amount }
        row[audience.viewers] = viewers
        row[audience.peakViewers] = viewers.max() ?? 0
        try row.add(amount * Int64(seconds.count), to: audience.watchedSeconds)
        try row.add(sessions, to: audience.sessions)
        // What was counted ahead alone leaves no trace.
        if row[audience.sessions] == 0 && row[audience.started] == 0 && row[audience.ended] == 0 { row.delete() }
    }

    /// The row of a minute and a quality, its counters in place.
    private func row(_ minute: Int64, _ quality: Text) throws -> Row {
        let row = try rows.findOrInsert(audience.table, Timestamp(microseconds: minute * 60_000_000), quality)
        if row[audience.viewers].isEmpty { row[audience.viewers] = [Int64](repeating: 0, count: 60) }
        return row
    }

    // MARK: Minutes

    private static func minute(of second: Int64) -> Int64 {
        let (minutes, rest) = second.quotientAndRemainder(dividingBy: 60)
        return rest < 0 ? minutes - 1 : minutes
    }

    /// The minutes that a range of seconds touches, each with the seconds within it, from 0 to 60.
    private static func parts(of seconds: Range<Int64>) -> [(minute: Int64, seconds: Range<Int>)] {
        let (first, last) = (minute(of: seconds.lowerBound), minute(of: seconds.upperBound - 1))
        return (first...last).map { minute in
            let part = seconds.clamped(to: (minute * 60)..<(minute * 60 + 60))
            return (minute, Int(part.lowerBound - minute * 60)..<Int(part.upperBound - minute * 60))
        }
    }
}
