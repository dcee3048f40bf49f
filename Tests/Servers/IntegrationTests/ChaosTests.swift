import Glibc
import Postgres
import Redis
import SampleLog
import TestSupport
import Testing

extension BlackBox {
    @Suite("Everything at once") struct ChaosTests {
        @Test(
            "writers, a daemon that is killed, rebuilds that are killed, a cache that is flushed: all is right in the end"
        )
        func everythingAtOnce() async throws {
            try await PrivateRedisServer.withServer { server in
                var settings = [
                    "redis.url": server.urlText, "redis.timeout": "300ms", "engine.window-events": "400",
                    "engine.window-time": "30ms", "engine.memory-budget": "256KiB",
                ]
                for projection in ReadModelViews.names { settings["projections.\(projection).hot.by"] = "all" }
                try await TestSite.with(settings: settings) { site in
                    try await site.load(2_000)
                    try await site.succeed("rebuild")
                    let writing = Task {
                        try await LiveWriters(
                            writers: 6,
                            rate: 400,
                            rollback: 0.1,
                            transactionTime: .milliseconds(30),
                            users: 40,
                            contents: 10
                        ).run(connect: { try await PostgresConnection.connect(to: site.url) })
                    }
                    let deadline = ContinuousClock.now + .seconds(10)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await killAgainAndAgain(site, ["tail"], until: deadline) }
                        group.addTask { try await killAgainAndAgain(site, ["rebuild"], until: deadline) }
                        group.addTask { try await flushAgainAndAgain(server, until: deadline) }
                        try await group.waitForAll()
                    }
                    writing.cancel()
                    _ = try await writing.value
                    try await site.running("tail") { _ in
                        try await site.waitUntilCaughtUp()
                        try await site.expectReferenceFold()
                        try await site.expectRightCache(server)
                    }
                    let tailed = try await site.digests()
                    try await site.succeedSoon("rebuild")
                    #expect(try await site.digests() == tailed)
                }
            }
        }

        private func killAgainAndAgain(
            _ site: TestSite,
            _ arguments: [String],
            until deadline: ContinuousClock.Instant
        ) async throws {
            while ContinuousClock.now < deadline {
                try await RefoldProcess.with(arguments, environment: site.environment) { process in
                    try await Task.sleep(for: .milliseconds(Int.random(in: 20...900)))
                    await process.send([SIGKILL, SIGTERM].randomElement() ?? SIGKILL)
                    let outcome = try await process.outcome(within: .seconds(60))
                    // Done, killed, ended by the signal (before or after it could be heard), or overtaken by one of the others.
                    #expect([0, -SIGKILL, -SIGTERM, 69, 75].contains(outcome.code), "\(arguments): \(outcome)")
                }
            }
        }

        private func flushAgainAndAgain(
            _ server: PrivateRedisServer,
            until deadline: ContinuousClock.Instant
        ) async throws {
            while ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(Int.random(in: 300...1_500)))
                let redis = try await server.connect()
                try await redis.send("FLUSHALL")
                await redis.close()
            }
        }
    }
}
