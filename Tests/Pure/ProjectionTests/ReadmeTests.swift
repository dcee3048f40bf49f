import Refold
import RefoldTestKit
import Testing
import VideoDomain

/// The example of the README.
private struct FinishedViews: Projection {
    let name: ProjectionName = "finished_views"
    let version = 1
    let eventTypes: [EventType] = [.contentWatched]
    let model: ReadModel

    private let contents: Table
    private let finished: Column<Int64>
    private let lastFinished: Column<Timestamp>

    init() {
        var model = ReadModel()
        contents = model.addTable("finished_views", key: .text("content_id"))
        finished = model.addColumn("finished", to: contents)
        lastFinished = model.addColumn("last_finished", to: contents)
        self.model = model
    }

    func apply(_ event: Event, to rows: Rows) throws {
        let watched = ContentWatched(event.payload)
        guard try watched.completionPercentage > 50 else { return }
        let content = try rows.findOrInsert(contents, watched.contentID)
        try content.add(1, to: finished)
        content[lastFinished] = try event.timestamp
    }
}

@Suite("The README's projection")
struct ReadmeTests {
    @Test("It works as the README says")
    func example() throws {
        let fold = ProjectionFold(FinishedViews())
        try fold.given(
            .contentWatched,
            #"{"content_id": "c", "completion_percentage": 80}"#,
            at: "2024-03-01T10:00:00Z"
        )
        try fold.given(.contentWatched, #"{"content_id": "c", "completion_percentage": 50}"#)
        #expect(fold.row("finished_views", "c") == ["finished": 1, "last_finished": .time("2024-03-01T10:00:00Z")])
        #expect(throws: EventRefusal.self) { try fold.given(.contentWatched, #"{"content_id": "c"}"#) }
    }
}
