public import Refold

/// Something that decides: a value that is made of the events of one stream, and whose methods say which events may
/// follow.
///
/// ```swift
/// struct Door: Aggregate {
///     static let category = "door"
///     static let schemaVersion = 1
///     let id: String
///     private(set) var isOpen = false
///
///     init(id: String) { self.id = id }
///
///     func open() throws(DoorError) -> [DoorEvent] {
///         guard !isOpen else { throw .alreadyOpen }
///         return [.opened]
///     }
///
///     mutating func apply(_ event: DoorEvent) {
///         switch event {
///         case .opened: isOpen = true
///         }
///     }
/// }
/// ```
///
/// A decision changes nothing: it returns the events, or throws an error of the domain. Only `apply` changes the value,
/// for events just decided and for those read back alike. Neither does I/O, looks at a clock or draws random numbers: a
/// decision is given the time it needs. So rules are tested without a server, and a decision can be made again when
/// another writer was faster.
///
/// Being `Codable`, which the compiler derives for plain values, is what snapshots need.
public protocol Aggregate: Codable, Sendable {
    /// What happens to it.
    associatedtype DomainEvent: AggregateEvent

    /// The part of its streams' ids before the hyphen; it has no hyphen itself.
    static var category: String { get }

    /// The version of its `Codable` form, and of what `apply` does. Raise it whenever either changes: snapshots of
    /// another version are ignored.
    static var schemaVersion: Int { get }

    /// The one with that id, to which nothing has happened yet.
    init(id: String)

    /// Takes in what happened. It happened, so there is nothing left to forbid.
    ///
    /// - Throws: `EventRefusal` for what cannot be represented, such as an overflow; then the stream cannot be loaded,
    ///   and a decision that leads there is not stored.
    mutating func apply(_ event: DomainEvent) throws(EventRefusal)
}

extension Aggregate {
    /// The id of the stream that holds the events of the one with the given id: `account-42`.
    public static func stream(of id: String) -> String {
        "\(category)-\(id)"
    }

    /// The id of the one whose events the stream holds; nil for a stream of another category.
    public static func id(of stream: String) -> String? {
        // By bytes: an id that begins with a combining mark would, by characters, swallow the hyphen.
        let prefix = "\(category)-".utf8
        guard stream.utf8.starts(with: prefix) else { return nil }
        return String(decoding: stream.utf8.dropFirst(prefix.count), as: UTF8.self)
    }

    /// The one to which these events happened, in their order.
    public init(id: String, after events: some Sequence<DomainEvent>) throws(EventRefusal) {
        self.init(id: id)
        for event in events { try apply(event) }
    }
}
