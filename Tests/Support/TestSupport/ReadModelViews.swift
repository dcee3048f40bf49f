internal import Foundation
public import Postgres

/// The public views of the three read models, as a reader sees them.
public enum ReadModelViews {
    /// The projections' names, which are the views' too.
    public static let names = ["user_profiles", "content_popularity", "trending_score"]

    /// Reads all rows of all three views.
    public static func read(_ connection: PostgresConnection) async throws -> Models {
        var models = Models()
        let profiles = try await connection.query(
            """
            SELECT user_id, email, name, subscription_plan, preferences::text, total_watch_time, favorite_genres::text,
                last_active, registration_date, is_premium FROM read_models.user_profiles
            """
        )
        for row in profiles.rows {
            let values: [ModelValue] = [
                try text(row, 1), try text(row, 2), try text(row, 3), try texts(row, 4), .integer(try row.int64(5)),
                try texts(row, 6), .time(try row.timestamp(7)), .time(try row.timestamp(8)),
                .boolean(try row.bool(9)),
            ]
            models.userProfiles[ByteText(try row.text(0))] = values
        }
        let contents = try await connection.query(
            """
            SELECT content_id, title, genre, total_views, total_watch_time, average_completion_rate, unique_viewers,
                rating_average, rating_count, trending_score, last_updated FROM read_models.content_popularity
            """
        )
        for row in contents.rows {
            let values: [ModelValue] = [
                try text(row, 1), try text(row, 2), .integer(try row.int64(3)), .integer(try row.int64(4)),
                .double(try row.double(5)), .integer(try row.int64(6)), .double(try row.double(7)),
                .integer(try row.int64(8)), try row.isNull(9) ? .null : .double(row.double(9)),
                .time(try row.timestamp(10)),
            ]
            models.contentPopularity[ByteText(try row.text(0))] = values
        }
        let trends = try await connection.query(
            "SELECT content_id, genre, score, last_watched FROM read_models.trending_score"
        )
        for row in trends.rows {
            let values: [ModelValue] = [try text(row, 1), .double(try row.double(2)), .time(try row.timestamp(3))]
            models.trendingScore[ByteText(try row.text(0))] = values
        }
        return models
    }

    /// A digest of every view's rows in the order of their keys, exact to the last bit of every column.
    public static func digests(_ connection: PostgresConnection) async throws -> [String: String] {
        var digests: [String: String] = [:]
        for (view, key) in zip(names, ["user_id", "content_id", "content_id"]) {
            let digest = try await connection.query(
                """
                SELECT count(*) || ' rows ' || coalesce(md5(string_agg(v::text, E'\\n' ORDER BY v.\(key) COLLATE "C")), '')
                FROM read_models.\(view) v
                """
            )
            digests[view] = try digest.text(0, 0)
        }
        return digests
    }

    private static func text(_ row: PostgresRow, _ column: Int) throws -> ModelValue {
        try row.isNull(column) ? .null : .text(ByteText(row.text(column)))
    }

    private static func texts(_ row: PostgresRow, _ column: Int) throws -> ModelValue {
        let json = try JSONSerialization.jsonObject(with: Data(row.text(column).utf8))
        return .texts((json as? [String] ?? ["not an array of texts: \(json)"]).map { ByteText($0) })
    }
}
