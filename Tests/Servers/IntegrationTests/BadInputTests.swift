import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("Bad input") struct BadInputTests {
        /// A command line, its exit code, and words that the message must contain.
        struct Case: Sendable, CustomTestStringConvertible {
            let arguments: [String]
            let code: Int32
            let words: [String]
            var settings: [String: String] = [:]

            var testDescription: String { "\(arguments.joined(separator: " ")) \(settings)" }
        }

        private static let unreachable = [
            "database.url": "postgresql://someone:hidden-word@127.0.0.1:1/somewhere", "database.retry-limit": "1s",
            "database.connect-timeout": "2s",
        ]

        /// Cases that need no server: the nearest thing to a wrong word, flag or value.
        static let withoutServer: [Case] = [
            Case(arguments: ["rebiuld"], code: 64, words: []),
            Case(arguments: ["rebuild", "--nonsense"], code: 64, words: ["--nonsense"]),
            Case(arguments: ["rebuild", "--until", "soon"], code: 64, words: ["until"]),
            Case(arguments: ["rebuild", "--until", "-5"], code: 64, words: ["until"]),
            Case(arguments: ["generate"], code: 64, words: ["events"]),
            Case(arguments: ["generate", "--events", "many"], code: 64, words: ["events"]),
            Case(arguments: ["generate", "--events", "-1"], code: 64, words: ["events"]),
            Case(arguments: ["reset"], code: 64, words: []),
            Case(arguments: ["show", "user_profiles"], code: 64, words: []),
            Case(arguments: ["rebuild", "usr_profiles"], code: 64, words: ["usr_profiles", "user_profiles"]),
            Case(arguments: ["rebuild", "user_profiles", "trendingscore"], code: 64, words: ["trending_score"]),
            Case(arguments: ["tail", "content-popularity"], code: 64, words: ["content_popularity"]),
            Case(arguments: ["reset", "trending", "--yes"], code: 64, words: ["trending_score"]),
            Case(arguments: ["show", "user_profile", "x"], code: 64, words: ["user_profiles"]),
            Case(arguments: ["cache", "warm", "users"], code: 64, words: ["users"]),
            Case(arguments: ["status"], code: 69, words: ["127.0.0.1:1"], settings: unreachable),
            Case(arguments: ["rebuild"], code: 69, words: ["127.0.0.1:1"], settings: unreachable),
            Case(arguments: ["tail", "--until-caught-up"], code: 69, words: ["127.0.0.1:1"], settings: unreachable),
            Case(arguments: ["migrate"], code: 69, words: ["127.0.0.1:1"], settings: unreachable),
            Case(arguments: ["doctor"], code: 69, words: ["127.0.0.1:1"], settings: unreachable),
            Case(
                arguments: ["status"],
                code: 69,
                words: ["/nowhere"],
                settings: ["database.url": "postgresql:///x?host=/nowhere"]
            ),
            Case(
                arguments: ["status"],
                code: 78,
                words: ["batch-size", "10000"],
                settings: ["engine.batch-size": "10001"]
            ),
            Case(arguments: ["status"], code: 78, words: ["batch-size"], settings: ["engine.batch-size": "0"]),
            Case(arguments: ["status"], code: 78, words: ["batch-size"], settings: ["engine.batch-size": "ten"]),
            Case(
                arguments: ["status"],
                code: 78,
                words: ["memory-budget"],
                settings: ["engine.memory-budget": "5 apples"]
            ),
            Case(arguments: ["status"], code: 78, words: ["window-time"], settings: ["engine.window-time": "2"]),
            Case(
                arguments: ["status"],
                code: 78,
                words: ["policy", "stop", "skip"],
                settings: ["projections.user_profiles.policy": "ignore"]
            ),
            Case(
                arguments: ["status"],
                code: 78,
                words: ["half-life"],
                settings: ["projections.trending_score.half-life": "0s"]
            ),
            Case(arguments: ["status"], code: 78, words: ["TLS"], settings: ["redis.url": "rediss://example.org"]),
            Case(arguments: ["status"], code: 78, words: ["redis"], settings: ["redis.url": "http://example.org"]),
            Case(arguments: ["status"], code: 78, words: [], settings: ["database.url": "postgresql://host:port/x"]),
            Case(arguments: ["status", "--config", "/nowhere.yaml"], code: 78, words: ["/nowhere.yaml"]),
        ]

        @Test("gets the right exit code and a message that names it", arguments: withoutServer)
        func isRefused(_ item: Case) async throws {
            var environment: [String: String] = [:]
            for (key, value) in item.settings { environment[TestSite.variable(key)] = value }
            let outcome = try await RefoldProcess.run(
                item.arguments,
                environment: environment,
                within: .seconds(20)
            )
            #expect(outcome.code == item.code, "\(outcome)")
            for word in item.words { #expect(outcome.description.contains(word), "\(outcome)") }
            #expect(!outcome.description.contains("hidden-word"), "\(outcome)")
            if item.code != 64, item.arguments != ["doctor"] {
                #expect(outcome.errors.contains("refold: "), "\(outcome)")
            }
        }

        @Test(
            "in the configuration file is refused by its key",
            arguments: [
                ("engine:\n  batch-sise: 100\n", "batch-sise"), ("engine:\n  batch-size: [1]\n", "batch-size"),
                ("projections:\n  user_profile:\n    policy: stop\n", "user_profile"), ("engine: [\n", "yaml"),
                ("engine: [1]\n", "engine"),
            ]
        )
        func configurationIsRefused(text: String, word: String) async throws {
            let path = "/tmp/refold-test-\(UInt64.random(in: .min ... .max)).yaml"
            let file = try #require(fopen(path, "w"))
            fputs(text, file)
            fclose(file)
            defer { unlink(path) }
            for environment in [["REFOLD_CONFIG": path], [:]] {
                let arguments = environment.isEmpty ? ["status", "--config", path] : ["status"]
                let outcome = try await RefoldProcess.run(arguments, environment: environment)
                #expect(outcome.code == 78 && outcome.errors.contains(word), "\(outcome)")
            }
        }

        @Test("that only the store can tell: no tables, no row, no confirmation") func storeTells() async throws {
            try await TestDatabase.with { database in
                let site = try await TestSite(url: database.url)
                let unmigrated = try await site.refold("rebuild")
                #expect(unmigrated.code == 78 && unmigrated.errors.contains("refold migrate"), "\(unmigrated)")
                try await site.succeed("migrate")
                try await site.succeed("rebuild")
                let missing = try await site.refold("show", "user_profiles", "nobody")
                #expect(missing.code == 65 && missing.description.contains("nobody"), "\(missing)")
                let broken = try await site.refold("append", "s", "--type", "t", "--data", #"{"\ud800":1}"#)
                #expect(broken.code == 65 && broken.errors.contains("surrogate"), "\(broken)")
                try await site.succeed("export", "--from=\(Int64.min)")
                // Without a terminal nobody can answer, so nothing is done.
                let unconfirmed = try await site.refold("reset", "user_profiles")
                #expect(unconfirmed.code == 64 && unconfirmed.errors.contains("--yes"), "\(unconfirmed)")
                await site.connection.close()
            }
        }
    }
}
