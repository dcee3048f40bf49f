/// What a reader fetches beyond position, type, timestamp and payload.
public struct EventColumns: OptionSet, Hashable, Sendable {
    /// One bit for each column.
    public let rawValue: UInt8

    /// The columns of those bits.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// `Event.metadata`.
    public static let metadata = EventColumns(rawValue: 1 << 0)
    /// `Event.streamID`.
    public static let streamID = EventColumns(rawValue: 1 << 1)
}
