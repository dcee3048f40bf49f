import Aggregates
import Refold

/// What was added up, and how often.
struct Tally: Aggregate, Equatable {
    static let category = "tally"
    static let schemaVersion = 1

    let id: String
    private(set) var sum: Int64 = 0
    private(set) var notes: [String] = []
    private(set) var lastAdded: Timestamp?

    init(id: String) { self.id = id }

    /// Why nothing more is added.
    struct Full: Error, Equatable {
        let sum: Int64
    }

    /// Adds a number, up to a sum of a million.
    func add(_ number: Int64, _ note: String = "") throws(Full) -> [TallyEvent] {
        guard sum + number <= 1_000_000 else { throw Full(sum: sum) }
        return [TallyEvent(number: number, note: note)]
    }

    mutating func apply(_ event: TallyEvent) throws(EventRefusal) {
        guard event.number < 1_000 else { throw EventRefusal(.overflow, "\(event.number) is too much at once") }
        sum += event.number
        lastAdded = event.time
        if !event.note.isEmpty { notes.append(event.note) }
    }
}

/// A number was added to a tally.
struct TallyEvent: AggregateEvent {
    static let types: [EventType] = ["tally.added"]

    let number: Int64
    let note: String
    /// The event's own time, once it has one.
    var time: Timestamp?

    init(number: Int64, note: String = "") {
        self.number = number
        self.note = note
    }

    init(_ event: Event) throws(EventRefusal) {
        number = try event.payload.integer("number")
        note = String(try event.payload.text("note"))
        time = try event.timestamp
    }

    var type: EventType { "tally.added" }
    var payload: JSON { ["number": .integer(number), "note": .text(note)] }
}

/// The same streams as those of `Tally`, kept in another way.
struct NewTally: Aggregate {
    static let category = Tally.category
    static let schemaVersion = 2

    let id: String
    private(set) var total: Int64 = 0

    init(id: String) { self.id = id }

    mutating func apply(_ event: TallyEvent) { total += event.number }
}
