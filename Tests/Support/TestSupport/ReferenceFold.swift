internal import Foundation
public import Postgres

/// An independent fold of a log: Foundation's JSON, dictionaries, one event after the other. It shares no code with the
/// projections, and nothing in it is clever.
public struct ReferenceFold {
    private struct Profile {
        var email: ByteText
        var name: ByteText
        var plan = ByteText("free")
        var preferences: [ByteText]
        var watchTime: Int64 = 0
        var genres: Set<ByteText>
        var active: Int64
        var registered: Int64
        var isPremium = false
    }

    private struct Content {
        var title: ByteText?
        var genre: ByteText?
        var views: Int64 = 0
        var watchTime: Int64 = 0
        var completions = 0.0
        var viewers: Set<ByteText> = []
        var ratings = 0.0
        var ratingCount: Int64 = 0
        var score: Double?
        var updated: Int64 = 0
    }

    private struct Trend {
        var genre: ByteText?
        var score: Double?
        var watched: Int64 = 0
    }

    /// What no payload of a valid log is.
    private struct InvalidPayload: Error, CustomStringConvertible {
        let description: String
    }

    private let halfLife: Double
    private var profiles: [ByteText: Profile] = [:]
    private var contents: [ByteText: Content] = [:]
    private var trends: [ByteText: Trend] = [:]

    private init(halfLife: Double) {
        self.halfLife = halfLife
    }

    /// Folds a store's events.
    ///
    /// - Parameters:
    ///   - connection: a connection to the store's database.
    ///   - table: the events table, quoted.
    ///   - last: the last position to fold; nil for all.
    ///   - refused: positions to leave out, as the policy `skip` does.
    ///   - halfLife: of the trending score, in seconds.
    public static func models(
        on connection: PostgresConnection,
        table: String = "public.events",
        through last: Int64? = nil,
        refused: Set<Int64> = [],
        halfLife: Double = 86_400
    ) async throws -> Models {
        var fold = ReferenceFold(halfLife: halfLife)
        var position: Int64 = 0
        while true {
            let page = try await connection.query(
                """
                SELECT global_position::int8, event_type::text, event_data::text, "timestamp"::timestamptz
                FROM \(table) WHERE global_position > $1 AND global_position <= $2
                ORDER BY global_position LIMIT 5000
                """,
                [.int64(position), .int64(last ?? .max)]
            )
            guard let newest = page.rows.last else { break }
            for row in page.rows where try !refused.contains(row.int64(0)) {
                try fold.apply(row.text(1), row.text(2), row.timestamp(3))
            }
            position = try newest.int64(0)
        }
        return fold.models
    }

    private mutating func apply(_ type: String, _ json: String, _ time: Int64) throws {
        guard type.hasPrefix("user.") || type.hasPrefix("content.") else { return }
        guard let payload = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] else {
            throw InvalidPayload(description: "not an object: \(json)")
        }
        func text(_ key: String) throws -> ByteText {
            guard let value = payload[key] as? String else { throw InvalidPayload(description: "no \(key): \(json)") }
            return ByteText(value)
        }
        func optional(_ key: String) -> ByteText? { (payload[key] as? String).map { ByteText($0) } }
        func number(_ key: String) throws -> Double {
            guard let value = payload[key] as? NSNumber else { throw InvalidPayload(description: "no \(key): \(json)") }
            return value.doubleValue
        }
        func texts(_ key: String) throws -> [ByteText] {
            guard let value = payload[key] as? [String] else { throw InvalidPayload(description: "no \(key): \(json)") }
            return value.map { ByteText($0) }
        }
        switch type {
        case "user.registered":
            let id = try text("user_id")
            let preferences = try texts("initial_preferences")
            profiles[id] = Profile(
                email: try text("email"),
                name: try text("name"),
                preferences: preferences,
                genres: Set(preferences),
                active: time,
                registered: profiles[id]?.registered ?? time
            )
        case "user.subscribed":
            let id = try text("user_id")
            let plan = try text("plan")
            profiles[id]?.plan = plan
            profiles[id]?.isPremium = plan != ByteText("free")
            profiles[id]?.active = time
        case "user.preferences_updated":
            let id = try text("user_id")
            profiles[id]?.preferences = try texts("new_preferences")
            profiles[id]?.active = time
        case "content.added":
            let id = try text("content_id")
            contents[id, default: Content()].title = try text("title")
            contents[id, default: Content()].genre = try text("genre")
            contents[id, default: Content()].updated = time
        case "content.rated":
            let id = try text("content_id")
            contents[id, default: Content()].ratings += try number("rating")
            contents[id, default: Content()].ratingCount += 1
            contents[id, default: Content()].updated = time
        case "content.watched":
            try watched(
                user: text("user_id"),
                content: text("content_id"),
                seconds: number("watch_duration_seconds"),
                completion: number("completion_percentage"),
                genre: optional("genre"),
                title: optional("title"),
                time
            )
        default:
            break
        }
    }

    private mutating func watched(
        user: ByteText,
        content id: ByteText,
        seconds: Double,
        completion: Double,
        genre: ByteText?,
        title: ByteText?,
        _ time: Int64
    ) {
        profiles[user]?.watchTime += Int64(seconds)
        profiles[user]?.genres.insert(genre ?? ByteText("unknown"))
        profiles[user]?.active = time

        // 2020-01-01T00:00:00Z is 631,152,000 seconds after 2000-01-01T00:00:00Z.
        let age = Double(time - 631_152_000_000_000) / 1_000_000
        let gain = log2(1 + seconds / 3_600) + age / halfLife
        func raised(_ score: Double?) -> Double {
            guard let score else { return gain }
            return max(score, gain) + log2(1 + exp2(-abs(score - gain)))
        }

        var content = contents[id] ?? Content()
        content.views += 1
        content.watchTime += Int64(seconds)
        content.completions += completion
        content.viewers.insert(user)
        content.title = title ?? content.title
        content.genre = genre ?? content.genre
        content.score = raised(content.score)
        content.updated = time
        contents[id] = content

        var trend = trends[id] ?? Trend()
        trend.genre = genre ?? trend.genre
        trend.score = raised(trend.score)
        trend.watched = time
        trends[id] = trend
    }

    private var models: Models {
        func optional(_ text: ByteText?) -> ModelValue { text.map { .text($0) } ?? .null }
        var models = Models()
        models.userProfiles = profiles.mapValues { profile in
            [
                .text(profile.email), .text(profile.name), .text(profile.plan), .texts(profile.preferences),
                .integer(profile.watchTime), .texts(profile.genres.sorted()), .time(profile.active),
                .time(profile.registered), .boolean(profile.isPremium),
            ]
        }
        models.contentPopularity = contents.mapValues { content in
            [
                optional(content.title), optional(content.genre), .integer(content.views), .integer(content.watchTime),
                .double(content.views == 0 ? 0 : content.completions / Double(content.views)),
                .integer(Int64(content.viewers.count)),
                .double(content.ratingCount == 0 ? 0 : content.ratings / Double(content.ratingCount)),
                .integer(content.ratingCount), content.score.map { .double($0) } ?? .null, .time(content.updated),
            ]
        }
        models.trendingScore = trends.mapValues { trend in
            [optional(trend.genre), .double(trend.score ?? 0), .time(trend.watched)]
        }
        return models
    }
}
