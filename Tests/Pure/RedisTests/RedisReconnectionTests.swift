import Redis
import Testing

@Suite("Reconnecting to Redis")
struct RedisReconnectionTests {
    private let start = ContinuousClock.now

    @Test("begins at once")
    func beginsAtOnce() {
        #expect(RedisReconnection().action(at: start) == .connect)
    }

    @Test("waits twice as long after each failure, up to the longest delay")
    func doubles() {
        var policy = RedisReconnection(first: .milliseconds(100), longest: .seconds(1))
        var now = start
        var waits: [Duration] = []
        for _ in 0..<6 {
            policy.failed(at: now, random: 1)
            guard case .wait(let wait) = policy.action(at: now) else { return #expect(Bool(false), "no wait") }
            waits.append(wait)
            #expect(policy.action(at: now + wait - .milliseconds(1)) == .wait(.milliseconds(1)))
            now += wait
            #expect(policy.action(at: now) == .connect)
        }
        #expect(waits == [100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
        #expect(policy.failures == 6)
    }

    @Test("takes at most half of a delay away by chance", arguments: [(0.0, 50), (0.5, 75), (1.0, 100)])
    func jitters(random: Double, milliseconds: Int) {
        var policy = RedisReconnection(first: .milliseconds(100), longest: .seconds(1))
        policy.failed(at: start, random: random)
        #expect(policy.action(at: start) == .wait(.milliseconds(milliseconds)))
    }

    @Test("stays within the longest delay after any number of failures")
    func staysBounded() {
        var policy = RedisReconnection(first: .seconds(1), longest: .seconds(60))
        for _ in 0..<10_000 {
            policy.failed(at: start, random: 1)
        }
        #expect(policy.action(at: start) == .wait(.seconds(60)))
    }

    @Test("has nothing to do while connected")
    func restsWhileConnected() {
        var policy = RedisReconnection()
        policy.connected(at: start)
        #expect(policy.action(at: start + .seconds(1_000_000)) == .none)
    }

    @Test("starts small again only after a connection that lasted")
    func recovers() {
        var policy = RedisReconnection(first: .milliseconds(100), longest: .seconds(1))
        policy.failed(at: start, random: 1)
        policy.failed(at: start, random: 1)
        policy.connected(at: start)
        policy.failed(at: start + .milliseconds(999), random: 1)
        #expect(policy.action(at: start + .milliseconds(999)) == .wait(.milliseconds(400)))
        policy.connected(at: start)
        policy.failed(at: start + .seconds(1), random: 1)
        #expect(policy.action(at: start + .seconds(1)) == .wait(.milliseconds(100)))
        #expect(policy.failures == 1)
    }
}
