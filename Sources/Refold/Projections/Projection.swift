/// Turns events into the rows of a read model.
///
/// A projection is a value that states its name, its version, the event types it takes and the tables it owns, and one
/// pure function that applies one event to rows: no clock, no randomness, no input or output. Time is the event's
/// timestamp. The same function serves tailing and rebuilds, so both give the same rows.
///
/// The engine guarantees:
/// - **Order.** Events come one at a time, in the order of their global positions.
/// - **Exactly once.** The rows an event changed and the checkpoint that passes it are committed in one transaction.
/// - **All or nothing.** When `apply` throws, everything the event had changed is undone. A thrown error refuses the
///   event: by the projection's policy it is set aside as a dead letter, or the projection stops there.
///
/// A row that is not in memory makes ``Rows`` throw; let that error propagate. The engine then loads the row and
/// applies the event again, so `apply` may run more than once for an event, always from the same rows.
public protocol Projection: Sendable {
    /// The name that operators, checkpoints and cache keys use.
    var name: ProjectionName { get }

    /// Raise it whenever `apply` would give other rows for the same events; the next rebuild then takes over.
    var version: Int { get }

    /// The types of event that reach `apply`; others are skipped.
    var eventTypes: [EventType] { get }

    /// The types of event that `apply` emits (``Rows/emit(_:version:to:_:)``). No projection reads what it emits itself,
    /// or what follows from that.
    var emittedTypes: [EventType] { get }

    /// The tables the projection owns. It can reach no others.
    var model: ReadModel { get }

    /// Settings of its own, such as a half-life, with their present values.
    var settings: [ProjectionSetting] { get }

    /// The same projection with other values of its settings. Called once, after the configuration was read.
    func with(_ values: SettingValues) -> Self

    /// Which rows the cache keeps unless the configuration says otherwise.
    var defaultHotSet: HotSetSettings { get }

    /// Applies one event to the rows.
    ///
    /// The event, and payloads and texts read from it, are borrowed until `apply` returns or throws; rows copy what is
    /// put into them. Anything that is to live longer must be a `String` or an `owned()` text. A release build does not
    /// detect a row or a text that is kept too long: the check would slow every access.
    ///
    /// - Throws: ``EventRefusal`` or any other error refuses the event.
    func apply(_ event: Event, to rows: Rows) throws
}

extension Projection {
    /// Nothing is emitted.
    public var emittedTypes: [EventType] { [] }

    /// No settings.
    public var settings: [ProjectionSetting] { [] }

    /// The same, for a projection without settings.
    public func with(_ values: SettingValues) -> Self { self }

    /// Nothing is cached.
    public var defaultHotSet: HotSetSettings { .none }
}
