import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    /// Daemons with projections that emit, as processes.
    @Suite("Emitting processes") struct EmittingProcessTests {
        private static var program: String { RefoldProcess.beside("TestRefold") }

        /// Runs the program to exit code 0, trying again while another process is in the way.
        private func succeedSoon(_ arguments: String..., environment: [String: String]) async throws {
            try await wait(for: "\(arguments) to succeed") {
                let outcome = try await ChildProcess.run([Self.program] + arguments, environment: environment)
                try #require([0, 75].contains(outcome.code), "\(arguments): \(outcome)")
                return outcome.code == 0
            }
        }

        private func withSite(_ body: (PostgresConnection, [String: String]) async throws -> Void) async throws {
            try await TestDatabase.with { database in
                let environment = [
                    "REFOLD_DATABASE_URL": database.url, "REFOLD_ENGINE_LEASE_TIME": "1s",
                    "REFOLD_ENGINE_WINDOW_TIME": "30ms", "REFOLD_ENGINE_MEMORY_BUDGET": "256KiB",
                ]
                try await succeedSoon("migrate", environment: environment)
                try await succeedSoon("tail", "--until-caught-up", environment: environment)
                let connection = try await database.connect()
                try await body(connection, environment)
                await connection.close()
            }
        }

        private func expectAnswers(_ connection: PostgresConnection) async throws {
            let problems = try await EchoAnswers.problems(on: connection)
            #expect(problems.isEmpty, "\(problems)")
            let (heard, answers) = (
                try await connection.query("SELECT coalesce(sum(count), 0)::bigint FROM read_models.listener").int64(
                    0,
                    0
                ),
                try await connection.query("SELECT count(*) FROM events WHERE event_type = 'echo.answered'").int64(0, 0)
            )
            #expect(heard == answers && answers > 0)
        }

        @Test("Daemons, rebuilds and sessions are killed at random moments: each question has its answers once")
        func killed() async throws {
            try await withSite { connection, environment in
                let deadline = ContinuousClock.now + .seconds(12)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for arguments in [["tail"], ["tail"], ["rebuild", "echo"]] {
                        group.addTask { try await killAgainAndAgain(arguments, environment, until: deadline) }
                    }
                    group.addTask { try await endSessions(environment, until: deadline) }
                    var (number, questions) = (0, 0)
                    while ContinuousClock.now < deadline {
                        number = (number &* 31 &+ 7) % 11
                        try await EchoAnswers.ask(
                            #"{"id": "a\#(number)", "count": \#(number % 4), "text": "\#(questions)"}"#,
                            on: connection
                        )
                        questions += 1
                        try await Task.sleep(for: .milliseconds(2))
                    }
                    try await group.waitForAll()
                    #expect(questions > 100)
                }
                try await succeedSoon("tail", "--until-caught-up", environment: environment)
                try await expectAnswers(connection)
            }
        }

        private func killAgainAndAgain(
            _ arguments: [String],
            _ environment: [String: String],
            until deadline: ContinuousClock.Instant
        ) async throws {
            while ContinuousClock.now < deadline {
                try await ChildProcess.with([Self.program] + arguments, environment: environment) { process in
                    try await Task.sleep(for: .milliseconds(Int.random(in: 50...1_500)))
                    await process.send([SIGKILL, SIGKILL, SIGTERM].randomElement() ?? SIGKILL)
                    let outcome = try await process.outcome(within: .seconds(60))
                    #expect([0, -SIGKILL, -SIGTERM, 69, 75].contains(outcome.code), "\(arguments): \(outcome)")
                }
            }
        }

        private func endSessions(_ environment: [String: String], until deadline: ContinuousClock.Instant) async throws
        {
            let connection = try await PostgresConnection.connect(to: environment["REFOLD_DATABASE_URL"] ?? "")
            while ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(Int.random(in: 50...400)))
                _ = try await connection.query(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
                       AND application_name = $1
                    """,
                    [.text(["refold append", "refold echo"].randomElement() ?? "")]
                )
            }
            await connection.close()
        }

        @Test("SIGTERM ends a daemon in time while its appender waits for a lock, and status says what it waits for")
        func stopped() async throws {
            try await withSite { connection, environment in
                try await ChildProcess.with([Self.program, "tail"], environment: environment) { daemon in
                    try await EchoAnswers.ask(#"{"id": "a"}"#, on: connection)
                    try await wait(for: "an answer") {
                        try await connection.query("SELECT count(*) FROM events WHERE event_type = 'echo.answered'")
                            .int64(0, 0) == 1
                    }
                    let url = environment["REFOLD_DATABASE_URL"] ?? ""
                    let other = try await PostgresConnection.connect(to: url)
                    try await other.executeScript("BEGIN; SELECT FROM streams WHERE stream_id = 'echo:a' FOR UPDATE")
                    try await EchoAnswers.ask(#"{"id": "a"}"#, on: connection)
                    try await wait(for: "the cause in status") {
                        let outcome = try await ChildProcess.run([Self.program, "status"], environment: environment)
                        return outcome.output.contains("session append: it waits for a lock")
                            && outcome.output.contains("outbox: 1 emitted events wait, the oldest for")
                    }
                    let start = ContinuousClock.now
                    await daemon.send(SIGTERM)
                    let outcome = try await daemon.outcome(within: .seconds(30))
                    #expect(ContinuousClock.now - start < .seconds(6))
                    #expect([0, 69].contains(outcome.code), "\(outcome)")
                    try await other.executeScript("ROLLBACK")
                    await other.close()
                }
                try await succeedSoon("tail", "--until-caught-up", environment: environment)
                try await expectAnswers(connection)
            }
        }

        @Test(
            "After a failover to a standby that lacks the last events, each question that is left has its answers once"
        )
        func failover() async throws {
            let servers = ["wal_level": "replica", "hot_standby": "on", "max_wal_senders": "5"]
            try await PrivatePostgres.with(settings: servers) { primary in
                try await primary.withStandby { standby in
                    let environment = [
                        "REFOLD_DATABASE_URL": primary.url(or: standby), "REFOLD_ENGINE_LEASE_TIME": "1s",
                    ]
                    try await succeedSoon("migrate", environment: environment)
                    try await succeedSoon("tail", "--until-caught-up", environment: environment)
                    try await ChildProcess.with([Self.program, "tail"], environment: environment) { daemon in
                        let before = try await PostgresConnection.connect(to: primary.url)
                        try await askAndWait(5, "before", on: before)
                        let cut = try await PostgresConnection.connect(to: standby.url)
                        try await waitForAnswers(to: 5, on: cut)
                        try await cut.executeScript("ALTER SYSTEM SET primary_conninfo = ''")
                        _ = try await cut.query("SELECT pg_reload_conf()")
                        try await wait(for: "the end of the stream") {
                            try await cut.query("SELECT count(*) FROM pg_stat_wal_receiver").int64(0, 0) == 0
                        }
                        await cut.close()
                        try await askAndWait(10, "lost", on: before)
                        await before.close()
                        try await primary.stop(.immediate)
                        try await standby.promote()
                        let promoted = try await PostgresConnection.connect(to: standby.url)
                        try await askAndWait(10, "after", on: promoted)
                        #expect(await daemon.isRunning)
                        await promoted.close()
                    }
                    try await succeedSoon("tail", "--until-caught-up", environment: environment)
                    let promoted = try await PostgresConnection.connect(to: standby.url)
                    try await expectAnswers(promoted)
                    #expect(
                        try await promoted.query("SELECT count(*) FROM events WHERE stream_id = 'echo:lost'").int64(
                            0,
                            0
                        ) == 0
                    )
                    await promoted.close()
                }
            }
        }

        /// Asks five questions.
        private func askAndWait(_ all: Int64, _ id: String, on connection: PostgresConnection) async throws {
            for _ in 0..<5 { try await EchoAnswers.ask(#"{"id": "\#(id)"}"#, on: connection) }
            try await waitForAnswers(to: all, on: connection)
        }

        private func waitForAnswers(to questions: Int64, on connection: PostgresConnection) async throws {
            try await wait(for: "\(questions) answers") {
                try await connection.query("SELECT count(*) FROM events WHERE event_type = 'echo.answered'").int64(0, 0)
                    >= questions
            }
        }

        @Test("New recommendations are in the log, once, whatever is rebuilt")
        func recommendations() async throws {
            try await TestSite.with { site in
                try await site.succeed("tail", "--until-caught-up")
                for (session, user, video) in [("1", "a", "x"), ("2", "b", "x"), ("3", "b", "y"), ("4", "c", "x")] {
                    try await site.append(
                        "streaming.started",
                        #"{"session_id": "\#(session)", "user_id": "\#(user)", "video_id": "\#(video)", "quality": "4k"}"#
                    )
                }
                for move in [[], ["rebuild"], ["reset", "personal_profiles", "--yes"]] {
                    if !move.isEmpty {
                        let outcome = try await RefoldProcess.run(move, environment: site.environment)
                        #expect(outcome.code == 0, "\(move): \(outcome)")
                    }
                    try await site.succeed("tail", "--until-caught-up")
                    let found = try await site.connection.query(
                        """
                        SELECT stream_id, event_data->>'recommendations' FROM events
                         WHERE event_type = 'recommendation.updated' ORDER BY global_position
                        """
                    ).rows.map { "\(try $0.text(0)) \(try $0.text(1))" }
                    #expect(
                        found == ["personal_profiles:a []", "personal_profiles:b []", #"personal_profiles:c ["y"]"#]
                    )
                }
            }
        }

        @Test("The command line: --emit-from, what it refuses, and what status shows")
        func commandLine() async throws {
            try await TestDatabase.with { database in
                let environment = ["REFOLD_DATABASE_URL": database.url]
                func run(_ arguments: String...) async throws -> ChildProcess.Outcome {
                    try await ChildProcess.run([Self.program] + arguments, environment: environment)
                }
                try await succeedSoon("migrate", environment: environment)
                let connection = try await database.connect()
                for _ in 0..<3 { try await EchoAnswers.ask(#"{"id": "a"}"#, on: connection) }
                for wrong in ["0", "-1", "end", "1.5", ""] {
                    #expect(try await run("rebuild", "--emit-from=\(wrong)").code == 64, "\(wrong)")
                }
                let beyond = try await run("rebuild", "--emit-from", "5")
                #expect(beyond.code == 64 && beyond.errors.contains("at most 4"), "\(beyond)")
                let silent = try await run("rebuild", "listener", "--emit-from", "start")
                #expect(
                    silent.code == 64 && silent.errors.contains("none of the projections emits events"),
                    "\(silent)"
                )
                try await succeedSoon("rebuild", "--emit-from", "2", environment: environment)
                let waiting = try await run("status")
                #expect(waiting.output.contains("outbox: 2 emitted events wait, the oldest for"), "\(waiting)")
                #expect(waiting.output.contains("! outbox: nobody appends them: start TestRefold tail"), "\(waiting)")
                let other = try await run("rebuild", "echo", "--emit-from", "start")
                #expect(other.code == 64 && other.errors.contains("echo emits from position 2 on"), "\(other)")
                try await succeedSoon("tail", "--until-caught-up", "--emit-from", "2", environment: environment)
                let problems = try await EchoAnswers.problems(after: 1, on: connection)
                #expect(problems.isEmpty, "\(problems)")
                let status = try await run("status", "--json")
                #expect(status.output.contains(#""emitted_through":5"#), "\(status)")
                #expect(
                    status.output.contains(
                        #""outbox":{"waiting":0,"oldest_seconds":null,"appender":null,"cause":null}"#
                    ),
                    "\(status)"
                )
                await connection.close()
            }
        }
    }
}
