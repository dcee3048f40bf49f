package import Refold

/// A projection of its own for the cache's tests: things on a shelf, which are put there and taken away.
package struct Shelf: Projection {
    package let name: ProjectionName = "shelf"
    package let version = 1
    package let eventTypes: [EventType] = [.put, .taken]
    package let model: ReadModel

    private let shelf: Table
    private let genre: Column<Text?>
    private let score: Column<Double?>
    private let seen: Column<Timestamp>
    private let hidden: Column<Int64>

    package init() {
        var model = ReadModel()
        // The cached table need not be the first.
        let notes = model.addTable("shelf_notes", key: .integer("id"), isPublic: false)
        _ = model.addColumn("count", to: notes) as Column<Int64>
        shelf = model.addTable("shelf", key: .text("id"))
        genre = model.addColumn("genre", to: shelf)
        hidden = model.addColumn("hidden", to: shelf, isPublic: false)
        score = model.addColumn("score", to: shelf)
        seen = model.addColumn("seen", to: shelf)
        self.model = model
    }

    package func apply(_ event: Event, to rows: Rows) throws {
        let id = try event.payload.text("id")
        guard event.type == .put else {
            try rows.find(shelf, id)?.delete()
            return
        }
        let row = try rows.findOrInsert(shelf, id)
        row[genre] = try event.payload.optionalText("genre")
        row[score] = try event.payload.optionalNumber("score")
        row[seen] = try event.timestamp
        try row.add(1, to: hidden)
    }
}

extension EventType {
    package static let put: EventType = "thing.put"
    package static let taken: EventType = "thing.taken"
}

/// What happens on the shelf.
package enum ShelfChange {
    case put(_ id: String, genre: String? = nil, score: Double? = nil, hour: Int64 = 0)
    case taken(_ id: String)

    package func event(at position: Int64) -> Event {
        switch self {
        case .put(let id, let genre, let score, let hour):
            let genre = genre.map { quoted($0) } ?? "null"
            let score = score.map { "\($0)" } ?? "null"
            return Event(
                position: GlobalPosition(position),
                type: .put,
                timestamp: Timestamp(microseconds: hour * 3_600_000_000),
                payload: "{\"id\":\(quoted(id)),\"genre\":\(genre),\"score\":\(score)}"
            )
        case .taken(let id):
            return Event(position: GlobalPosition(position), type: .taken, payload: "{\"id\":\(quoted(id))}")
        }
    }

    private func quoted(_ text: String) -> String {
        let escaped = text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : $0 == "\u{1}" ? "\\u0001" : "\($0)" }
        return "\"\(escaped.joined())\""
    }
}
