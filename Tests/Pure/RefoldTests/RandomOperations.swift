import Refold
import TestSupport

/// Draws events for ``RowsModel``: few keys, so that they meet, and all that a column can hold.
struct RandomOperations {
    var generator: SeededGenerator

    static let keys: [ModelKey] =
        ["", "a", "ab", "b", "é", "🎬", String(repeating: "k", count: 52), longKey + "1", longKey + "2"]
        .map { .text($0) }
        + [.text(String(repeating: "long ", count: 399))]
        + [0, -1, 1, 256, .min, .max].map { .number($0) }
        + [0, -1, 1, 8_826, .min, .max].map { .day($0) }
        + [("", 0), ("a", 0), ("ab", 0), ("a", 1), ("a", 98), ("ab", .max), (longKey, -1)].map { .pair($0.0, $0.1) }
        + [(0, ""), (0, "a"), (1, "a"), (.max, "*"), (-1, longKey)].map { .moment($0.0, $0.1) }
    private static let longKey = String(repeating: "x", count: 52)

    /// Keys that are drawn: more of them than `keys` when rows are to come and go.
    var drawn = RandomOperations.keys

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    /// The operations of one event.
    mutating func event() -> [RowOperation] {
        (0..<Int.random(in: 1...5, using: &generator)).map { _ in operation() }
            + (generator.once(in: 6) ? [.refuse] : [])
    }

    mutating func operation() -> RowOperation {
        let key = generator.pick(drawn)
        switch Int.random(in: 0..<34, using: &generator) {
        case 0: return .touch(key)
        case 1: return .integer(key, integer())
        case 2: return .optionalInteger(key, optional { $0.integer() })
        case 3: return .double(key, double())
        case 4: return .optionalDouble(key, optional { $0.double() })
        case 5: return .boolean(key, generator.once(in: 2))
        case 6: return .optionalBoolean(key, optional { $0.generator.once(in: 2) })
        case 7: return .timestamp(key, integer())
        case 8: return .optionalTimestamp(key, optional { $0.integer() })
        case 9: return .text(key, text())
        case 10: return .optionalText(key, optional { $0.text() })
        case 11: return .list(key, list())
        case 12: return .optionalList(key, optional { $0.list() })
        case 13: return .texts(key, list())
        case 14, 15: return .insertText(key, text())
        case 16...18: return numbers(key)
        case 19, 20: return .add(key, integer())
        case 21: return .delete(key)
        case 22: return .toggle(key)
        case 23, 24: return .addTo(key, from: generator.pick(drawn))
        case 25: return .decimal(key, decimal())
        case 26: return .optionalDecimal(key, optional { $0.decimal() })
        case 27: return .day(key, day())
        case 28: return .optionalDay(key, optional { $0.day() })
        case 29, 30: return .addDecimal(key, decimal())
        case 31, 32: return .integers(key, (0..<Int.random(in: 0..<4, using: &generator)).map { _ in integer() })
        default: return generator.once(in: 3) ? .refuseIfPresent(key) : .touch(key)
        }
    }

    /// Some numbers, often enough of them to cross the length at which sets become bits.
    private mutating func numbers(_ key: ModelKey) -> RowOperation {
        .insertNumbers(
            key,
            first: UInt16.random(in: 0..<8192, using: &generator),
            count: generator.pick([1, 1, 1, 2, 20, 200, 510, 511, 512]),
            step: generator.pick([1, 2, 8191, 37])
        )
    }

    private mutating func optional<Value>(_ value: (inout Self) -> Value) -> Value? {
        generator.once(in: 3) ? nil : value(&self)
    }

    private mutating func integer() -> Int64 {
        generator.once(in: 8)
            ? generator.pick([.min, .max, 0, -1]) : Int64.random(in: -1000...1000, using: &generator)
    }

    /// Small ones, such of which sums have many digits, and such that any sum overflows.
    private mutating func decimal() -> ExactDecimal {
        let digits: Int128 =
            generator.once(in: 8) ? (0..<37).reduce(9) { product, _ in product * 10 } : Int128(integer() % 1_000_003)
        return ExactDecimal(
            coefficient: generator.once(in: 2) ? digits : -digits,
            scale: Int.random(in: 0...38, using: &generator)
        ) ?? 7
    }

    private mutating func day() -> Int32 {
        generator.once(in: 8)
            ? generator.pick([.min, .max, 0, -1]) : Int32.random(in: -9_000...9_000, using: &generator)
    }

    private mutating func double() -> Double {
        generator.pick([0, -0.0, 1.5, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -1e-9])
    }

    private mutating func text() -> String {
        generator.pick([
            "", "drama", "Drama", "dram", "comédie", "喜劇", "🎬", "a\"b\\c", String(repeating: "t", count: 70),
        ])
    }

    private mutating func list() -> [String] {
        (0..<Int.random(in: 0..<4, using: &generator)).map { _ in text() }
    }
}

/// A projection whose events do what the operations at their positions say.
struct ScriptedProjection: Projection {
    let name: ProjectionName = "scripted"
    let version = 1
    let eventTypes: [EventType] = [.scripted]
    let rowsModel: RowsModel
    var model: ReadModel { rowsModel.model }
    /// By position.
    let script: [Int64: [RowOperation]]

    init(_ model: RowsModel, _ script: [Int64: [RowOperation]]) {
        rowsModel = model
        self.script = script
    }

    func apply(_ event: Event, to rows: Rows) throws {
        for operation in script[event.position.rawValue] ?? [] { try operation.apply(to: rows, rowsModel) }
    }

    static func event(at position: Int64) -> Event {
        Event(position: GlobalPosition(position), type: .scripted, payload: "{}")
    }
}

extension EventType {
    static let scripted: EventType = "scripted"
}
