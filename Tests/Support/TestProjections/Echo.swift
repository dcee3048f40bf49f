package import Refold

/// A projection that emits: how often each of a few things was asked for, with an answer for each time.
///
/// An event says who asks (`id`), how many answers are wanted (`count`, 1 by default) and what they are to say.
package struct Echo: Projection {
    package let name: ProjectionName = "echo"
    package let version = 1
    package let eventTypes: [EventType] = [.asked]
    package let emittedTypes: [EventType] = [.answered]
    package let model: ReadModel

    private let echoes: Table
    private let count: Column<Int64>

    package init() {
        var model = ReadModel()
        echoes = model.addTable("echo", key: .text("id"))
        count = model.addColumn("count", to: echoes)
        self.model = model
    }

    package func apply(_ event: Event, to rows: Rows) throws {
        let (id, text) = try (event.payload.text("id"), event.payload.optionalText("text"))
        let answers = try event.payload.optionalInteger("count") ?? 1
        let type = try event.payload.optionalText("type").map { EventType(String($0)) } ?? .answered
        for answer in 0..<answers {
            try rows.emit(
                type,
                to: id,
                ["id": .text(String(id)), "answer": .integer(answer), "text": .optional(text.map { String($0) })]
            )
        }
        // After emitting, so that a row that is not in memory undoes emissions.
        try count(event, in: rows)
        if try event.payload.optionalBoolean("refuse") ?? false { throw EventRefusal("it asks to be refused") }
    }
}

extension Echo {
    /// What it does with rows.
    package func count(_ event: Event, in rows: Rows) throws {
        let row = try rows.findOrInsert(echoes, try event.payload.text("id"))
        try row.add(1, to: count)
    }
}

/// Reads what ``Echo`` emits: how many answers each has got, and the time of the last one.
package struct Listener: Projection {
    package let name: ProjectionName = "listener"
    package let version = 1
    package let eventTypes: [EventType] = [.answered]
    package let model: ReadModel

    private let heard: Table
    private let count: Column<Int64>
    private let last: Column<Timestamp>

    package init() {
        var model = ReadModel()
        heard = model.addTable("listener", key: .text("id"))
        count = model.addColumn("count", to: heard)
        last = model.addColumn("last", to: heard)
        self.model = model
    }

    package func apply(_ event: Event, to rows: Rows) throws {
        let row = try rows.findOrInsert(heard, try event.payload.text("id"))
        try row.add(1, to: count)
        row[last] = try event.timestamp
    }
}

extension EventType {
    package static let asked: EventType = "echo.asked"
    package static let answered: EventType = "echo.answered"
}
