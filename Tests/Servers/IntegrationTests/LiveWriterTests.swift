import Postgres
import SampleLog
import TestSupport
import Testing

extension BlackBox {
    @Suite("Under concurrent writers") struct LiveWriterTests {
        /// What everybody writes first: remember the newest position seen, ask for what lies above it.
        private actor NaiveReader {
            private var last: Int64 = 0
            private(set) var seen: Set<Int64> = []

            func run(_ connection: PostgresConnection) async throws {
                while !Task.isCancelled {
                    let page = try await connection.query(
                        "SELECT global_position::int8 FROM events WHERE global_position > $1 ORDER BY 1 LIMIT 100",
                        [.int64(last)]
                    )
                    for row in page.rows {
                        last = try row.int64(0)
                        seen.insert(last)
                    }
                }
            }
        }

        @Test("who roll back, a tailing daemon loses nothing, where a naive reader does") func losesNothing()
            async throws
        {
            try await TestSite.with { site in
                try await site.running("tail") { daemon in
                    let naive = NaiveReader()
                    let connection = try await PostgresConnection.connect(to: site.url)
                    let reading = Task { try await naive.run(connection) }
                    let counts = try await LiveWriters(
                        writers: 16,
                        rate: 1_500,
                        rollback: 0.1,
                        transactionTime: .milliseconds(40),
                        duration: .seconds(4)
                    ).run(connect: { try await PostgresConnection.connect(to: site.url) })
                    #expect(counts.appended > 500 && counts.rolledBack > 20, "\(counts)")
                    try await site.waitUntilCaughtUp()
                    reading.cancel()
                    _ = await reading.result
                    let naivelySeen = await naive.seen.count
                    #expect(naivelySeen < counts.appended, "the naive reader had it too easy: \(counts)")
                    #expect(try await site.number("SELECT count(*) FROM events") == Int64(counts.appended))
                    #expect(await daemon.isRunning)
                }
                try await site.expectReferenceFold()
                let tailed = try await site.digests()
                try await site.succeed("rebuild")
                #expect(try await site.digests() == tailed)
            }
        }

        @Test("a rebuild beside the daemon ends at the head, and both agree") func rebuildsBeside() async throws {
            try await TestSite.with { site in
                try await site.load(3_000)
                try await site.running("tail") { daemon in
                    // Its first act is to create the live generations, which moves the pointers.
                    try await site.waitUntilCaughtUp()
                    let writing = Task {
                        try await LiveWriters(
                            writers: 4,
                            rate: 300,
                            rollback: 0.1,
                            transactionTime: .milliseconds(20)
                        ).run(connect: { try await PostgresConnection.connect(to: site.url) })
                    }
                    for _ in 0..<3 {
                        try await site.succeed("rebuild")
                    }
                    writing.cancel()
                    _ = try await writing.value
                    try await site.waitUntilCaughtUp()
                    #expect(await daemon.isRunning)
                }
                try await site.expectReferenceFold()
            }
        }

        @Test("an event is in the view within moments of its commit") func wakesUp() async throws {
            try await TestSite.with { site in
                try await site.load(200)
                try await site.running("tail") { _ in
                    try await site.waitUntilCaughtUp()
                    var delays: [Duration] = []
                    for round in 0..<20 {
                        try await site.append(
                            "content.watched",
                            """
                            {"user_id":"u","content_id":"wake \(round)","watch_duration_seconds":1,
                            "completion_percentage":1}
                            """
                        )
                        let committed = ContinuousClock.now
                        try await wait(for: "the row of wake \(round)") {
                            try await site.number(
                                "SELECT count(*) FROM read_models.content_popularity WHERE content_id = $1",
                                [.text("wake \(round)")]
                            ) == 1
                        }
                        delays.append(ContinuousClock.now - committed)
                    }
                    // A median far above the idle interval, so that a busy machine does not matter.
                    #expect(delays.sorted()[10] < .milliseconds(100), "\(delays)")
                }
            }
        }
    }
}
