/// How long a connection waits for the server.
public struct RedisTimeouts: Sendable, Equatable {
    /// The longest wait for the TCP or unix connection itself, for each address that a host name has. Looking the name
    /// up is the resolver's business and not bounded by it.
    public let connect: Duration

    /// The longest wait without a single byte going in either direction. A pipeline that moves may take longer.
    public let command: Duration

    /// - Parameters:
    ///   - connect: 2 s by default; kept within 1 ms and one hour.
    ///   - command: 2 s by default; kept within 1 ms and one hour.
    public init(connect: Duration = .seconds(2), command: Duration = .seconds(2)) {
        self.connect = min(max(connect, .milliseconds(1)), .seconds(3600))
        self.command = min(max(command, .milliseconds(1)), .seconds(3600))
    }
}
