/// Turns the payload of an older version of an event's type into the next one.
///
///     Upcaster("account.opened", from: 2) { payload in payload.rename("deposit", to: "initial_deposit") }
public struct Upcaster: Sendable {
    /// The type it is for.
    public let type: EventType
    /// The version it takes; it makes the one after it.
    public let version: Int
    let upcast: @Sendable (inout JSON.Object) throws -> Void

    /// - Parameters:
    ///   - version: the version taken, from 1; the payload becomes one of `version + 1`.
    ///   - upcast: changes the payload; a pure function. What it throws refuses the event.
    public init(
        _ type: EventType,
        from version: Int,
        _ upcast: @escaping @Sendable (_ payload: inout JSON.Object) throws -> Void
    ) {
        self.type = type
        self.version = version
        self.upcast = upcast
    }
}
