public import Refold

/// An event that a projection has emitted.
public struct EmittedEvent: Sendable, Hashable {
    /// What kind of event it is.
    public let type: EventType
    /// The version of the type.
    public let version: Int
    /// The name of its stream among the projection's own.
    public let stream: String
    /// The payload as the log will have it: JSON text in one line, without spaces, members in the order written.
    public let payload: String

    /// An event as a test expects it.
    public init(_ type: EventType, version: Int = 1, to stream: String, _ payload: JSON.Object) {
        self.type = type
        self.version = version
        self.stream = stream
        self.payload = payload.text
    }

    init(_ emission: Emission) {
        type = emission.type
        version = emission.version
        stream = emission.stream
        payload = emission.payload
    }
}
