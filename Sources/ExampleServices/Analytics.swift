import Postgres

/// Real-time analytics: how often each video was started and in which quality, and how many heartbeats each minute had.
struct Analytics: ExampleService {
    let name = "analytics"
    let topics = ["video-events", "video-heartbeat"]
    let tables = """
        CREATE TABLE IF NOT EXISTS views (video_id text, quality text, views bigint NOT NULL, PRIMARY KEY (video_id, quality));
        CREATE TABLE IF NOT EXISTS minutes (minute timestamptz PRIMARY KEY, heartbeats bigint NOT NULL);
        """

    func apply(_ event: ServiceEvent, on database: isolated PostgresConnection) throws {
        switch event.type {
        case "streaming.started":
            guard let video = event.text("video_id"), let quality = event.text("quality") else { return }
            try database.execute(
                """
                INSERT INTO views VALUES ($1, $2, 1)
                ON CONFLICT (video_id, quality) DO UPDATE SET views = views.views + 1
                """,
                [.text(video), .text(quality)]
            )
        case "streaming.heartbeat":
            try database.execute(
                """
                INSERT INTO minutes VALUES (date_trunc('minute', $1::text::timestamptz, 'UTC'), 1)
                ON CONFLICT (minute) DO UPDATE SET heartbeats = minutes.heartbeats + 1
                """,
                [.text(event.timestamp)]
            )
        default: return
        }
    }
}
