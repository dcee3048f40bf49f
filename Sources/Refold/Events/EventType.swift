internal import Synchronization

/// The name of a kind of event, `content.watched`, as a small number: comparing two is comparing integers.
///
/// Names are kept for as long as the program runs, so types are made from names written in code or in settings; names
/// read from a store are only looked up (`EventTypeCatalog`).
public struct EventType: Hashable, Sendable {
    @usableFromInline let id: Int32

    init(id: Int32) {
        self.id = id
    }

    /// The type of that name.
    public init(_ name: String) {
        id = EventTypeTable.shared.id(of: name)
    }

    /// The type's bit among 64, which types with more distant numbers share.
    var bit: UInt64 { 1 << UInt64(id & 63) }

    /// The name as the store has it.
    public var name: String {
        EventTypeTable.shared.name(of: id)
    }

    /// Whether the names are the same.
    @inlinable
    public static func == (lhs: EventType, rhs: EventType) -> Bool {
        lhs.id == rhs.id
    }
}

extension EventType: ExpressibleByStringLiteral {
    /// The type of the name written in code.
    public init(stringLiteral value: String) {
        self.init(value)
    }
}

extension EventType: CustomStringConvertible {
    /// The name as the store has it.
    public var description: String {
        name
    }
}

/// The names of all event types, numbered in the order of their first mention.
private struct EventTypeTable: ~Copyable {
    static let shared = EventTypeTable()

    private struct Names {
        var all: [String] = []
        var ids: [Text: Int32] = [:]
    }

    private let names = Mutex(Names())

    func id(of name: String) -> Int32 {
        let key = Text(name)
        return names.withLock { names in
            if let id = names.ids[key] {
                return id
            }
            let id = Int32(names.all.count)
            names.all.append(name)
            names.ids[key] = id
            return id
        }
    }

    func name(of id: Int32) -> String {
        names.withLock { $0.all[Int(id)] }
    }
}
