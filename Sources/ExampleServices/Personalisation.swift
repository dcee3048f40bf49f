import Postgres

/// Personalisation: what each user started last, and what is recommended to them now.
struct Personalisation: ExampleService {
    let name = "personalisation"
    let topics = ["video-events", "recommendation-events"]
    let tables = """
        CREATE TABLE IF NOT EXISTS users (user_id text PRIMARY KEY, last_video text, recommendations text[]);
        """

    func apply(_ event: ServiceEvent, on database: isolated PostgresConnection) throws {
        guard let user = event.text("user_id") else { return }
        switch event.type {
        case "streaming.started":
            guard let video = event.text("video_id") else { return }
            try database.execute(
                """
                INSERT INTO users (user_id, last_video) VALUES ($1, $2)
                ON CONFLICT (user_id) DO UPDATE SET last_video = $2
                """,
                [.text(user), .text(video)]
            )
        case "recommendation.updated":
            guard let videos = event.texts("recommendations") else { return }
            try database.execute(
                """
                INSERT INTO users (user_id, recommendations) VALUES ($1, $2)
                ON CONFLICT (user_id) DO UPDATE SET recommendations = $2
                """,
                [.text(user), .textArray(videos)]
            )
        default: return
        }
    }
}
