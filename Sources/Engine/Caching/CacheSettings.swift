/// Where the cache is.
public struct CacheSettings: Sendable, Hashable {
    /// A URL as `RedisURL` reads it.
    public var url: String
    /// What every key begins with, without the colon.
    public var prefix: String
    /// How long to wait for the connection and for each reply.
    public var timeout: Duration
    /// How long readers are sent to a generation that nobody keeps up with the log.
    public var restLifetime: Duration

    /// - Parameters:
    ///   - prefix: `refold` unless told otherwise.
    ///   - timeout: one second unless told otherwise.
    ///   - restLifetime: 26 hours unless told otherwise, which a nightly rebuild renews.
    public init(
        url: String,
        prefix: String = "refold",
        timeout: Duration = .seconds(1),
        restLifetime: Duration = .seconds(26 * 3600)
    ) {
        self.url = url
        self.prefix = prefix
        self.timeout = timeout
        self.restLifetime = restLifetime
    }
}
