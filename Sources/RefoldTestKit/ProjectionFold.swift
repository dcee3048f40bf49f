public import Refold

/// Given events, expect rows: folds events with one projection in memory, as the engine would, and shows what came out.
///
///     let fold = ProjectionFold(FinishedViews())
///     try fold.given(.contentWatched, #"{"content_id": "c", "completion_percentage": 80}"#, at: "2024-03-01T10:00:00Z")
///     #expect(fold.row("finished_views", "c") == ["finished": 1, "last_finished": .time("2024-03-01T10:00:00Z")])
///
/// It needs no server. Events get the positions 1, 2, 3 and so on. A refused event throws, and leaves every row as it
/// was.
public final class ProjectionFold {
    private let projection: any Projection
    private let rows: Rows
    private let types: EventTypeSet
    private let upcasters: Upcasters
    /// The last event's position; 0 before the first.
    public private(set) var position: GlobalPosition = .zero
    /// What the events have emitted, in order.
    public private(set) var emitted: [EmittedEvent] = []

    /// A fold that stands before the first event, every table empty.
    ///
    /// - Parameter upcasters: bring payloads of older versions up to date.
    public init(_ projection: any Projection, upcasters: Upcasters = Upcasters()) {
        self.upcasters = upcasters
        self.projection = projection
        let emits = EmissionScope(projection.emittedTypes, after: .zero)
        rows = Rows(projection.model, isComplete: true, emits: emits)
        types = EventTypeSet(projection.eventTypes)
    }

    // MARK: Given

    /// Applies an event.
    ///
    /// One of a type that the projection does not take is skipped, as the engine would.
    ///
    /// - Parameters:
    ///   - payload: JSON text, as a writer would have stored it.
    ///   - time: the event's own timestamp, in ISO 8601; a test that cares for no time leaves it out.
    ///   - version: the version of the event's type; nil where its metadata says nothing, which is version 1.
    /// - Throws: what the projection throws to refuse the event.
    @discardableResult
    public func given(
        _ type: EventType,
        _ payload: String,
        at time: String = "2024-01-01T00:00:00Z",
        version: Int? = nil
    ) throws -> ProjectionFold {
        guard let time = Timestamp(time) else { throw UnusableTime(text: time) }
        return try given(type, payload, at: time, version: version)
    }

    /// Applies an event with a timestamp that need not be a moment: infinity, or one before the calendar.
    @discardableResult
    public func given(
        _ type: EventType,
        _ payload: String,
        at time: Timestamp,
        version: Int? = nil
    ) throws -> ProjectionFold {
        position = GlobalPosition(position.rawValue + 1)
        let event = Event(
            position: position,
            type: type,
            timestamp: time,
            payload: payload,
            metadata: version.map { "{\"\(Upcasters.versionName)\":\($0)}" },
            upcasters: upcasters
        )
        guard types.contains(event) else { return self }
        // The engine may apply an event more than once, always from the same rows; so every test has it do that.
        rows.beginPass()
        _ = rows.apply(event, with: projection)
        rows.undoPass()
        rows.beginPass()
        let result = rows.apply(event, with: projection)
        rows.acceptPass()
        emitted += rows.takeEmissions().map { EmittedEvent($0) }
        switch result {
        case .applied: return self
        case .refused(let error): throw error
        case .missed: preconditionFailure("every row of a fold is in memory")
        }
    }

    /// Puts a row there without an event, such as one with a sum that is almost too large.
    ///
    /// - Parameters:
    ///   - values: columns by name; those left out are null where they may be, else 0, false or empty.
    ///   - table: the table's name; it must not have the key yet.
    public func place(_ values: [String: RowValue], in table: String, _ key: RowValue...) {
        let memory = memory(of: table)
        let bytes = RowValue.encode(key, as: memory.definition.key)
        let record = bytes.withUnsafeBytes { memory.load(key: $0, position: position.rawValue) }
        for (index, column) in memory.definition.columns.enumerated() {
            if let value = values[column.name] {
                value.set(index, of: record)
            } else if column.isNullable {
                record.setNull(index)
            }
        }
    }

    // MARK: Expect

    /// The row with a key: its public columns by name, the key apart; nil when there is none.
    ///
    /// - Parameter table: the table's name, one of the projection's own tables included.
    public func row(_ table: String, _ key: RowValue...) -> [String: RowValue]? {
        let memory = memory(of: table)
        let bytes = RowValue.encode(key, as: memory.definition.key)
        for row in memory.allRows() where row.key.elementsEqual(bytes) {
            return RowValue.columns(of: row, memory.definition)
        }
        return nil
    }

    /// All rows of a table with a key of one column, by that key: their public columns by name.
    public func rows(_ table: String) -> [RowValue: [String: RowValue]] {
        let memory = memory(of: table)
        precondition(memory.definition.key.count == 1, "\(table) has a key of several columns: ask for one row")
        var rows: [RowValue: [String: RowValue]] = [:]
        for row in memory.allRows() {
            rows[RowValue.key(row.key, memory.definition.key[0])] = RowValue.columns(of: row, memory.definition)
        }
        return rows
    }

    /// How many rows a table has.
    public func count(of table: String) -> Int { memory(of: table).allRows().count }

    /// The position of the last event that changed a row; nil when there is no such row.
    public func lastChange(of table: String, _ key: RowValue...) -> GlobalPosition? {
        let memory = memory(of: table)
        let bytes = RowValue.encode(key, as: memory.definition.key)
        return memory.allRows().first { $0.key.elementsEqual(bytes) }.map { GlobalPosition($0.position) }
    }

    private func memory(of table: String) -> TableMemory {
        guard let memory = rows.memories.first(where: { $0.definition.name == table }) else {
            preconditionFailure("\(projection.name) has no table \(table)")
        }
        return memory
    }
}

/// A test wrote a time that cannot be read.
public struct UnusableTime: Error, CustomStringConvertible {
    let text: String

    /// The text.
    public var description: String { "\"\(text)\" is no time in ISO 8601" }
}
