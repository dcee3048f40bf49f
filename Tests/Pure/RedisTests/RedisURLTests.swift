import Redis
import Testing

@Suite("A Redis URL")
struct RedisURLTests {
    @Test(
        "is read in all its forms",
        arguments: [
            ("redis://localhost", RedisURL.Endpoint.tcp(host: "localhost", port: 6379), 0, "redis://localhost:6379/0"),
            ("REDIS://h:7000/3", .tcp(host: "h", port: 7000), 3, "redis://h:7000/3"),
            ("redis://h/?db=4", .tcp(host: "h", port: 6379), 4, "redis://h:6379/4"),
            ("redis://[::1]:7001/2", .tcp(host: "::1", port: 7001), 2, "redis://[::1]:7001/2"),
            ("redis://[::1]", .tcp(host: "::1", port: 6379), 0, "redis://[::1]:6379/0"),
            ("unix:///run/redis.sock", .unix(path: "/run/redis.sock"), 0, "unix:///run/redis.sock?db=0"),
            ("redis+unix:///a%20b?db=15", .unix(path: "/a b"), 15, "unix:///a b?db=15"),
        ]
    )
    func reads(text: String, endpoint: RedisURL.Endpoint, database: Int, shown: String) throws {
        let url = try RedisURL(text)
        #expect(url.endpoint == endpoint)
        #expect(url.database == database)
        #expect(url.user == nil)
        #expect(url.description == shown)
    }

    @Test(
        "keeps its password to itself",
        arguments: [
            ("redis://ann:s3cret@h:1/2", "ann", "redis://ann:***@h:1/2"),
            ("redis://:s3cret@h:1/2", nil, "redis://:***@h:1/2"),
            ("redis://ann:\u{301}s3cret@h:1/2", "ann", "redis://ann:***@h:1/2"),
            ("redis://a%40b:s3cr%65t@h:1/2", "a@b", "redis://a@b:***@h:1/2"),
            ("redis://ann:s3cret:with@signs@h:1/2", "ann", "redis://ann:***@h:1/2"),
            ("unix://ann:s3cret@/run/r.sock?db=2", "ann", "unix://ann:***@/run/r.sock?db=2"),
        ]
    )
    func hidesPassword(text: String, user: String?, shown: String) throws {
        let url = try RedisURL(text)
        #expect(url.user == user)
        #expect(url.description == shown)
        var dumped = ""
        dump(url, to: &dumped)
        #expect(!dumped.contains("s3cr"))
        #expect(!"\(url) \(String(reflecting: url))".contains("s3cr"))
        #expect(!url.address.contains("s3cr"))
    }

    @Test(
        "is refused with the reason when it is wrong, and the reason does not repeat it",
        arguments: [
            ("localhost:6379", "no scheme"), ("", "no scheme"), ("http://h", "its scheme"),
            ("redis://", "no host"), ("redis://u:s3cret@", "no host"), ("redis://h:s3cret", "its port"),
            ("redis://h:", "its port"), ("redis://h:0", "its port"), ("redis://h:65536", "its port"),
            ("redis://h:+1", "its port"), ("redis://h/s3cret", "its database"), ("redis://h/-1", "its database"),
            ("redis://h/1/2", "its database"), ("redis://h/1?db=2", "database twice"),
            ("redis://h?db=1&db=2", "database twice"), ("redis://h?s3cret=1", "its query"),
            ("redis://[::1", "brackets"), ("redis://[::1]s3cret", "bracket"),
            ("redis://s3cret@h", "without a password"),
            ("redis://:s3cret%zz@h", "its password"), ("redis://:s3cret%00@h", "zero bytes"),
            ("redis://:%ff@h", "UTF-8"), ("redis://h#s3cret", "fragment"), ("unix://run/s3cret.sock", "three slashes"),
            ("unix://", "no path"), ("unix:///", "no path"), ("unix:///" + String(repeating: "a", count: 107), "107"),
        ]
    )
    func refuses(text: String, reason: String) throws {
        let error = try #require(throws: RedisError.self) { try RedisURL(text) }
        #expect(error.code == .invalidURL)
        #expect(error.description.contains(reason))
        #expect(!error.description.contains("s3cret"))
        #expect(!error.isTransient)
    }

    @Test("with TLS is refused, saying that the library has none")
    func refusesTLS() throws {
        let error = try #require(throws: RedisError.self) { try RedisURL("rediss://:s3cret@h:6380/0") }
        #expect(error.code == .unsupported)
        #expect(error.description.contains("hiredis 0.14 has no TLS"))
        #expect(!error.description.contains("s3cret"))
        #expect(!error.isTransient)
    }
}
