/// Where the cache is.
package struct CacheSettings: Sendable, Hashable {
    /// A URL as `RedisURL` reads it.
    package var url: String
    /// What every key begins with, without the colon.
    package var prefix: String
    /// How long to wait for the connection and for each reply.
    package var timeout: Duration
    /// How long readers are sent to a generation that no owner keeps up with the log.
    package var restTTL: Duration

    /// - Parameters:
    ///   - prefix: `refold` by default.
    ///   - timeout: one second by default.
    ///   - restTTL: 26 hours by default, which a nightly rebuild renews.
    package init(
        url: String,
        prefix: String = "refold",
        timeout: Duration = .seconds(1),
        restTTL: Duration = .seconds(26 * 3600)
    ) {
        self.url = url
        self.prefix = prefix
        self.timeout = timeout
        self.restTTL = restTTL
    }
}
