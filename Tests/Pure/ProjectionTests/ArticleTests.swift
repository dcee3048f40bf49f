import Refold
import RefoldTestKit
import Testing
import VideoDomain

/// The example of the article WritingAProjection.
private struct ViewsByDay: Projection {
    let name: ProjectionName = "views_by_day"
    let version = 1
    let eventTypes: [EventType] = [.contentWatched]
    let model: ReadModel

    private let days: Table
    private let day: Column<Day>
    private let views: Column<Int64>
    private let seconds: Column<Int64>
    private let genres: Column<TextSet>
    private let lastViewers: Column<[Text]>
    private let lastWatched: Column<Timestamp>
    private let title: Column<Text?>

    init() {
        var model = ReadModel()
        days = model.addTable("views_by_day", key: .text("content_id"), .integer("day_number"))
        day = model.addColumn("day", to: days)
        views = model.addColumn("views", to: days)
        seconds = model.addColumn("seconds", to: days)
        genres = model.addColumn("genres", to: days)
        lastViewers = model.addColumn("last_viewers", to: days)
        lastWatched = model.addColumn("last_watched", to: days)
        title = model.addColumn("title", to: days)
        self.model = model
    }

    func apply(_ event: Event, to rows: Rows) throws {
        let time = try event.timestamp
        let watched = ContentWatched(event.payload)
        let (contentID, userID, duration) = try (watched.contentID, watched.userID, watched.watchDuration)
        let (newGenre, newTitle) = try (watched.genre, watched.title)

        let date = Day(time)
        let row = try rows.findOrInsert(days, contentID, Int64(date.rawValue))
        row[day] = date
        try row.add(1, to: views)
        try row.add(duration, to: seconds)
        if let newGenre { row.insert(newGenre, into: genres) }
        row[lastViewers] = Array(([userID] + row[lastViewers].filter { $0 != userID }).prefix(10))
        row[lastWatched] = time
        if let newTitle { row[title] = newTitle }
    }
}

@Suite("The article's projection")
struct ArticleTests {
    @Test("The last viewers of a day, newest first, each once")
    func lastViewers() throws {
        let fold = ProjectionFold(ViewsByDay())
        for user in ["ann", "bob", "ann"] {
            try fold.given(
                .contentWatched,
                #"{"user_id": "\#(user)", "content_id": "c", "watch_duration_seconds": 60, "genre": "drama"}"#,
                at: "2024-03-01T10:00:00Z"
            )
        }
        let row = try #require(fold.row("views_by_day", "c", 8826))
        #expect(row["views"] == 3)
        #expect(row["genres"] == ["drama"])
        #expect(row["last_viewers"] == ["ann", "bob"])
        #expect(row["day"] == .day("2024-03-01"))
        #expect(throws: EventRefusal.self) { try fold.given(.contentWatched, #"{"content_id": "c"}"#) }
    }
}
