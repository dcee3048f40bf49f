import Foundation
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("In production") struct OperationsTests {
        /// The repository, seen from this file.
        private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()

        @Test("the cron line rebuilds under cron's poor environment, in silence, and says what goes wrong")
        func cronLine()
            async throws
        {
            try await TestSite.with { site in
                try await site.load(500)
                let folder = FileManager.default.temporaryDirectory.appending(path: "refold-cron-\(UUID())")
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
                defer { try? FileManager.default.removeItem(at: folder) }
                try FileManager.default.createSymbolicLink(
                    at: folder.appending(path: "refold"),
                    withDestinationURL: URL(filePath: RefoldProcess.binary)
                )
                try Data("database:\n  url: \"\(site.url)\"\n".utf8).write(to: folder.appending(path: "refold.yaml"))

                let table = try String(contentsOf: Self.root.appending(path: "ops/cron/refold"), encoding: .utf8)
                let jobs = table.split(separator: "\n").filter { $0.first?.isNumber == true || $0.first == "*" }
                try #require(jobs.count == 1)
                // Five fields of time, the user, and the rest is for the shell.
                let command = try #require(jobs[0].split(separator: " ", maxSplits: 6).last).description
                let cron = [
                    "env", "-i", "SHELL=/bin/sh", "PATH=\(folder.path()):/usr/bin:/bin",
                    "REFOLD_CONFIG=\(folder.path())/refold.yaml", "/bin/sh", "-c", command,
                ]
                let good = try await ChildProcess.run(cron)
                #expect(good.code == 0 && good.output.isEmpty && good.errors.isEmpty, "\(good)")
                try await site.expectReferenceFold()

                try await site.append("content.watched", #"{"user_id":"u"}"#)
                let bad = try await ChildProcess.run(cron)
                #expect(bad.code == 65, "\(bad)")
                let lines = bad.output.split(separator: "\n")
                #expect(!lines.isEmpty && lines.count <= 3 && bad.errors.isEmpty, "\(bad)")
            }
        }

        @Test("a role without privileges of the server is enough, from migrate to rebuild") func plainRole()
            async throws
        {
            try await PrivatePostgres.with { server in
                let administrator = try await PostgresConnection.connect(to: server.url)
                try await administrator.executeScript("CREATE ROLE app LOGIN")
                try await administrator.execute("CREATE DATABASE app OWNER app")
                await administrator.close()
                let url = server.url.replacing("user=postgres dbname=postgres", with: "user=app dbname=app")
                let site = try await TestSite(url: url)
                try await site.succeed("migrate")
                try await site.load(500)
                try await site.succeed("tail", "--until-caught-up")
                // Another role's transaction, whose snapshot the plain role is not told of.
                let reader = try await PostgresConnection.connect(
                    to: server.url.replacing("dbname=postgres", with: "dbname=app")
                )
                try await reader.executeScript("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
                let before = try await site.digests()
                for seed in 2...4 as ClosedRange<UInt64> {
                    try await site.load(200, seed: seed)
                    try await site.succeed("rebuild")
                }
                try await site.expectReferenceFold()
                try await site.succeed("doctor")
                #expect(try await ReadModelViews.digests(reader) == before)
                try await reader.executeScript("COMMIT")
                await reader.close()
                try await site.succeed("rebuild")
                // The live generation and the one kept for a rollback; older ones are gone.
                let projections = try await site.projectionCount()
                #expect(try await site.number("SELECT count(*) FROM refold.generations") == 2 * projections)
                await site.connection.close()
            }
        }

        @Test("a view that somebody made on a generation's table keeps that generation, by name, and no rebuild fails")
        func foreignView() async throws {
            try await TestSite.with { site in
                try await site.load(300)
                try await site.succeed("rebuild")
                let first = try await site.liveGeneration("user_profiles")
                try await site.connection.executeScript(
                    "CREATE VIEW \"my\nview\" AS SELECT count(*) FROM refold_data.user_profiles_g\(first)"
                )
                try await site.succeed("rebuild", "user_profiles")
                for _ in 1...2 {
                    let rebuilt = try await site.refold("rebuild", "user_profiles")
                    #expect(rebuilt.code == 0, "\(rebuilt)")
                    let warnings = rebuilt.errors.split(separator: "\n").filter { $0.contains("warning") }
                    #expect(warnings.count == 1, "\(rebuilt)")
                    #expect(warnings.first?.contains("generation=\(first)") == true, "\(rebuilt)")
                    #expect(warnings.first?.contains(#"my\nview"#) == true, "\(rebuilt)")
                }
                let quiet = try await site.refold("rebuild", "user_profiles", "--quiet")
                #expect(quiet.code == 0 && quiet.output.isEmpty && quiet.errors.isEmpty, "\(quiet)")
                let held = "SELECT count(*) FROM refold.generations WHERE state = 'retired'"
                #expect(try await site.number(held) == 1, "the others were dropped")
                for command in ["generations", "doctor"] {
                    let text = try await site.succeed(command)
                    let line = text.split(separator: "\n").first { $0.contains(#"my\nview"#) }
                    #expect(line?.contains("user_profiles generation \(first)") == true, "\(text)")
                }
                try await site.connection.executeScript("DROP VIEW \"my\nview\"")
                try await site.succeed("rebuild", "user_profiles")
                #expect(try await site.number(held) == 0)
                try await site.expectReferenceFold()
            }
        }
    }
}
