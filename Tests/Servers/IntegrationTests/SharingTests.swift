import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("Several daemons") struct SharingTests {
        private static let settings = ["engine.lease-time": "1s"]

        /// How many live generations each process owns, by its id.
        private func shares(_ site: TestSite) async throws -> [Int64: Int64] {
            let rows = try await site.connection.query(
                """
                SELECT o.pid::bigint, count(*) FROM refold.projections p JOIN refold.checkpoints c ON c.generation = p.live
                  JOIN refold.owners o ON o.id = c.owner GROUP BY 1
                """
            ).rows
            return Dictionary(uniqueKeysWithValues: try rows.map { (try $0.int64(0), try $0.int64(1)) })
        }

        @Test("share the projections, one move at a time, and what a dead one had is taken over") func share()
            async throws
        {
            try await TestSite.with(settings: Self.settings) { site in
                try await site.load(500)
                try await site.running("tail") { first in
                    try await site.waitUntilCaughtUp()
                    let all = try await site.projectionCount()
                    #expect(try await shares(site) == [Int64(first.id): all])
                    // Hashes of random names: several daemons, so that each surely gets something sooner or later.
                    try await site.running("tail") { second in
                        try await site.running("tail") { third in
                            try await site.running("tail") { fourth in
                                try await wait(for: "others to have a share", within: .seconds(30)) {
                                    let shares = try await shares(site)
                                    return shares.count >= 2 && shares.values.reduce(0, +) == all
                                }
                                for seed in 2...6 as ClosedRange<UInt64> { try await site.load(200, seed: seed) }
                                try await site.waitUntilCaughtUp()
                                try await site.expectReferenceFold()
                                for daemon in [second, third, fourth] { await daemon.send(SIGKILL) }
                                for daemon in [second, third, fourth] { _ = try await daemon.outcome() }
                            }
                        }
                    }
                    try await wait(for: "the first to have all again") {
                        try await shares(site) == [Int64(first.id): all]
                    }
                    try await site.load(200, seed: 7)
                    try await site.waitUntilCaughtUp()
                    try await site.expectReferenceFold()
                }
            }
        }

        @Test("that have nothing to do write nothing but their leases") func idle() async throws {
            try await TestSite.with(settings: Self.settings) { site in
                try await site.load(100)
                try await site.running("tail", "trending_score") { _ in
                    try await site.waitUntilCaughtUp("trending_score")
                    // Never preferred for anything but this one projection, which it may take over at most.
                    try await site.running("tail", "trending_score") { _ in
                        try await wait(for: "two members") {
                            try await site.number("SELECT count(*) FROM refold.owners WHERE cardinality(tails) > 0")
                                == 2
                        }
                        try await site.load(100, seed: 2)
                        try await site.waitUntilCaughtUp("trending_score")
                        #expect(try await shares(site).count == 1)
                    }
                }
            }
        }

        @Test("that hang lose what they own when their lease ends, on another machine as on this one") func hangs()
            async throws
        {
            try await TestSite.with(settings: Self.settings) { site in
                try await site.load(500)
                try await site.running("tail") { hung in
                    try await site.waitUntilCaughtUp()
                    await hung.send(SIGSTOP)
                    try await site.load(500, seed: 2)
                    try await site.running("tail") { _ in
                        try await site.waitUntilCaughtUp()
                        try await site.expectReferenceFold()
                        await hung.send(SIGCONT)
                        for seed in 3...5 as ClosedRange<UInt64> {
                            try await site.load(200, seed: seed)
                            try await site.waitUntilCaughtUp()
                        }
                        try await site.expectReferenceFold()
                    }
                }
            }
        }
    }
}
