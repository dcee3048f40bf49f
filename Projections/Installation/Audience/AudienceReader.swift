import Engine
import Postgres
import Refold
import VideoProjections

/// Reads the audience from the cache or from the database; both give the same numbers.
struct AudienceReader: Sendable {
    let engine: Engine
    /// For how long a heartbeat makes a session live.
    let liveFor: Duration
    /// The only source to be asked; nil for the cache first, and the database for what it cannot say.
    let source: Audience.Source?

    private static let sessions: ProjectionName = "viewing_sessions"
    private static let minutes: ProjectionName = "audience_by_minute"
    /// The quality of the rows that count all sessions.
    private static let allQualities = String(AudienceByMinute.allQualities)

    /// The cache was to be asked alone, and does not say.
    struct CacheMisses: Error {
        let what: String
    }

    /// What the cache holds is not a row of `audience_by_minute`.
    private struct BadRow: Error, CustomStringConvertible {
        var description: String { "the cache holds a minute without peak_viewers" }
    }

    /// The audience at a moment. A cache that cannot be reached is passed over, unless it is the only source.
    func audience(at moment: Timestamp) async throws -> Audience {
        let after = try moment - liveFor
        let minutes = Audience.minutes(upTo: moment)
        var problem: String?
        var (viewers, peaks): (Audience.Viewers?, [Audience.Peak]?) = (nil, nil)
        if source != .database {
            do {
                (viewers, peaks) = (try await cachedViewers(after: after), try await cachedPeaks(of: minutes))
            } catch {
                if source == .cache { throw error }
                problem = "\(error)"
            }
        }
        if source == .cache {
            guard viewers != nil else { throw CacheMisses(what: "the sessions live at \(moment)") }
            guard peaks != nil else { throw CacheMisses(what: "each minute of the hour up to \(moment)") }
        }
        var newest: Timestamp?
        let (knownViewers, knownPeaks) = (viewers, peaks)
        if viewers == nil || peaks == nil || (viewers?.total == 0 && source == nil) {
            let read = try await engine.withConnection(for: "audience") { connection in
                let found = try await knownViewers.orElse { try await Self.viewers(after: after, on: connection) }
                let history = try await knownPeaks.orElse { try await Self.peaks(of: minutes, on: connection) }
                return (found, history, found.total == 0 ? try await Self.newestHeartbeat(on: connection) : nil)
            }
            (viewers, peaks, newest) = (.some(read.0), .some(read.1), read.2)
        }
        var audience = Audience(
            moment: moment,
            liveFor: liveFor,
            viewers: viewers ?? Audience.Viewers(total: 0, byQuality: []),
            from: knownViewers == nil ? .database : .cache,
            peaks: peaks ?? [],
            from: knownPeaks == nil ? .database : .cache
        )
        audience.cacheProblem = problem
        audience.newestHeartbeat = newest
        return audience
    }

    // MARK: The cache

    private func cachedViewers(after time: Timestamp) async throws -> Audience.Viewers? {
        guard let counts = try await engine.cache?.counts(Self.sessions, after: time), let groups = counts.groups
        else { return nil }
        return Audience.Viewers(
            total: counts.total,
            byQuality: groups.map { Audience.Viewers.Quality(name: $0.value, count: $0.count) }
        )
    }

    /// A minute that is not there is no minute without viewers: the database is asked for all.
    private func cachedPeaks(of minutes: [Timestamp]) async throws -> [Audience.Peak]? {
        let keys = minutes.map { "[\"\($0.description.dropLast()).000000Z\",\"\(Self.allQualities)\"]" }
        guard let rows = try await engine.cache?.rows(Self.minutes, keys: keys) else { return nil }
        var peaks: [Audience.Peak] = []
        for (minute, row) in zip(minutes, rows) {
            guard let row else { return nil }
            peaks.append(Audience.Peak(minute: minute, viewers: try Self.peak(in: row)))
        }
        return peaks
    }

    private static func peak(in row: CachedRow) throws -> Int {
        let columns = try JSON(parsing: String(decoding: row.json, as: UTF8.self)).asObject
        guard let viewers = columns?["peak_viewers"]?.asInteger else { throw BadRow() }
        return Int(viewers)
    }

    // MARK: The database

    private static func viewers(
        after time: Timestamp,
        on connection: PostgresConnection
    ) async throws -> Audience.Viewers {
        let found = try await connection.query(
            """
            SELECT quality, count(*), (sum(count(*)) OVER ())::bigint FROM read_models.viewing_sessions
             WHERE ended_at IS NULL AND last_heartbeat > $1
             GROUP BY quality ORDER BY count(*) DESC, quality COLLATE "C" LIMIT \(Audience.Viewers.most)
            """,
            [.timestamp(time.rawValue)]
        )
        return Audience.Viewers(
            total: try found.rows.first.map { Int(try $0.int64(2)) } ?? 0,
            byQuality: try found.rows.map {
                Audience.Viewers.Quality(name: try $0.text(0), count: Int(try $0.int64(1)))
            }
        )
    }

    private static func peaks(
        of minutes: [Timestamp],
        on connection: PostgresConnection
    ) async throws -> [Audience.Peak] {
        guard let first = minutes.first, let last = minutes.last else { return [] }
        let found = try await connection.query(
            """
            SELECT minute, peak_viewers FROM read_models.audience_by_minute
             WHERE quality = $1 AND minute BETWEEN $2 AND $3
            """,
            [.text(allQualities), .timestamp(first.rawValue), .timestamp(last.rawValue)]
        )
        var peaks: [Int64: Int] = [:]
        for row in found.rows { peaks[try row.timestamp(0)] = Int(try row.int64(1)) }
        return minutes.map { Audience.Peak(minute: $0, viewers: peaks[$0.rawValue] ?? 0) }
    }

    private static func newestHeartbeat(on connection: PostgresConnection) async throws -> Timestamp? {
        let found = try await connection.query("SELECT max(last_heartbeat) FROM read_models.viewing_sessions")
        return try found.rows.first?.optionalTimestamp(0).map { Timestamp(microseconds: $0) }
    }
}

extension Optional where Wrapped: Sendable {
    fileprivate func orElse(_ make: () async throws -> Wrapped) async rethrows -> Wrapped {
        if let self { self } else { try await make() }
    }
}
