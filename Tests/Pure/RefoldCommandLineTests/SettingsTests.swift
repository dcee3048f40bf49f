import Engine
import EventStore
import Glibc
import HotCache
import Refold
import RefoldCommandLine
import RefoldInstallation
import Testing

@Suite("Settings")
struct SettingsTests {
    /// Loads from a file's text and an environment.
    private func load(_ text: String? = nil, _ environment: [String: String] = [:]) throws -> Settings {
        guard let text else { return try Settings.load(.refold, file: nil, environment: environment, places: []) }
        return try ConfigurationFile.with(text) { path in
            try Settings.load(.refold, file: path, environment: environment, places: [])
        }
    }

    private func refusal(_ text: String?, _ environment: [String: String] = [:]) throws -> SettingError {
        try #require(#expect(throws: SettingError.self) { try load(text, environment) })
    }

    /// Of the two projections that share the setting.
    private func halfLives(_ settings: Settings) throws -> [Duration] {
        try ["content_popularity", "trending_score"].map { name in
            let projection = try #require(settings.projections.first { $0.name.rawValue == name })
            guard case .duration(let time, _) = projection.settings.first?.value else { return .zero }
            return time
        }
    }

    @Test("Without a file and an environment the defaults hold")
    func defaults() throws {
        let settings = try load()
        let defaults = EngineSettings()
        #expect(settings.engine.databaseURL == "postgresql:///refold")
        #expect(settings.engine.batchSize.count == 100)
        #expect(settings.engine.memoryBudget == 512 << 20)
        #expect(settings.engine.windowTime == defaults.windowTime)
        #expect(settings.engine.windowEvents == defaults.windowEvents)
        #expect(settings.engine.connectTimeout == defaults.connectTimeout)
        #expect(settings.engine.retryLimit == defaults.retryLimit)
        #expect(settings.engine.idleInterval == defaults.idleInterval)
        #expect(settings.engine.sweepDelays == defaults.sweepDelays)
        #expect(settings.engine.store == defaults.store)
        #expect(settings.cache == nil)
        #expect(settings.engine.policies.values.allSatisfy { $0 == .stop })
        #expect(try halfLives(settings) == [.seconds(86_400), .seconds(86_400)])
        #expect(settings.origins.allSatisfy { $0.source == .default })
    }

    @Test("The file in Config states exactly the defaults, and every key but those that are empty")
    func shippedFile() throws {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let shipped = try Settings.load(.refold, file: "/\(root)/Config/refold.yaml", environment: [:])
        let defaults = try load()
        #expect(shipped.origins.map(\.key) == defaults.origins.map(\.key))
        for (stated, defaults) in zip(shipped.origins, defaults.origins) where defaults.key != "database.url" {
            #expect(stated.value == defaults.value, "\(stated.key)")
        }
        #expect(shipped.engine.databaseURL == defaults.engine.databaseURL)
        #expect(shipped.hotSets == defaults.hotSets)
    }

    @Test("The file in Config states what each projection declares")
    func shippedProjections() throws {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let shipped = try Settings.load(.refold, file: "/\(root)/Config/refold.yaml", environment: [:])
        let stated = Set(shipped.origins.filter { $0.source != .default }.map(\.key))
        for projection in shipped.projections {
            let section = "projections.\(projection.name)"
            var wanted = ["policy", "hot.by", "hot.limit", "hot.ttl"].map { "\(section).\($0)" }
            switch projection.defaultHotSet.choice {
            case .recent: wanted += ["\(section).hot.column", "\(section).hot.within"]
            case .top: wanted.append("\(section).hot.column")
            case .all, .none: break
            }
            if let ranking = projection.defaultHotSet.ranking {
                let ofKind = ranking.within == nil ? ["best"] : ["within", "limit"]
                let keys = ["by", "group", "groups"] + ofKind + (ranking.unless == nil ? [] : ["unless"])
                wanted += keys.map { "\(section).hot.ranking.\($0)" }
            }
            wanted += projection.settings.map(\.key)
            #expect(stated.isSuperset(of: wanted), "\(projection.name): \(Set(wanted).subtracting(stated))")
        }
    }

    @Test("The environment is stronger than the file, the file than the defaults")
    func precedence() throws {
        let text = """
            engine:
              batch-size: 7
              memory-budget: 1MiB
            """
        let settings = try load(text, ["REFOLD_ENGINE_BATCH_SIZE": "9", "REFOLD_STORE_TABLE": "Event log"])
        #expect(settings.engine.batchSize.count == 9)
        #expect(settings.engine.memoryBudget == 1 << 20)
        #expect(settings.engine.store.eventsTable == "Event log")
        let sources = Dictionary(uniqueKeysWithValues: settings.origins.map { ($0.key, "\($0.source)") })
        #expect(sources["engine.batch-size"] == "REFOLD_ENGINE_BATCH_SIZE")
        #expect(sources["engine.memory-budget"]?.hasSuffix(".yaml") == true)
        #expect(sources["engine.window-time"] == "the defaults")
    }

    @Test("A file is looked for by the flag, the environment, then in its places")
    func places() throws {
        try ConfigurationFile.with("engine: {batch-size: 1}") { flag in
            try ConfigurationFile.with("engine: {batch-size: 2}") { variable in
                try ConfigurationFile.with("engine: {batch-size: 3}") { place in
                    func size(_ file: String?, _ environment: [String: String]) throws -> Int {
                        let places = ["/nowhere/refold.yaml", place]
                        return try Settings.load(.refold, file: file, environment: environment, places: places)
                            .engine.batchSize.count
                    }
                    let named = try size(flag, ["REFOLD_CONFIG": variable])
                    let fromVariable = try size(nil, ["REFOLD_CONFIG": variable])
                    let found = try size(nil, ["REFOLD_CONFIG": ""])
                    #expect([named, fromVariable, found] == [1, 2, 3])
                }
            }
        }
        let missing = try #require(
            #expect(throws: SettingError.self) { try Settings.load(.refold, file: "/nowhere.yaml", environment: [:]) }
        )
        #expect(missing.message.contains("/nowhere.yaml"))
    }

    @Test("Lists come as a list, or separated by commas; an empty one is one")
    func lists() throws {
        let delays = { (settings: Settings) in settings.engine.sweepDelays }
        #expect(try delays(load("store: {sweep-delays: [1s, 5m]}")) == [.seconds(1), .seconds(300)])
        #expect(try delays(load(nil, ["REFOLD_STORE_SWEEP_DELAYS": "1s,2s"])) == [.seconds(1), .seconds(2)])
        #expect(try delays(load("store: {sweep-delays: []}")) == [])
        #expect(try delays(load(nil, ["REFOLD_STORE_SWEEP_DELAYS": ""])) == [])
    }

    @Test(
        "A file that says nothing, or whose sections are empty, leaves the defaults",
        arguments: ["", "# nothing\n", "---\n", "engine:\n", "redis:\n  url:\n"]
    )
    func emptyFile(text: String) throws {
        #expect(try load(text).engine.batchSize.count == 100)
    }

    @Test("Settings of a projection reach it")
    func projections() throws {
        let settings = try load(
            """
            redis: {url: "redis://localhost/3", prefix: shop, timeout: 200ms}
            projections:
              user_profiles: {policy: skip, hot: {by: none}}
              content_popularity: {hot: {by: recent, column: last_updated, within: 2d, limit: 5, ttl: 1h}}
              trending_score: {half-life: 12h, hot: {by: all}}
            """
        )
        #expect(settings.engine.policies["user_profiles"] == .skip)
        #expect(settings.engine.policies["trending_score"] == .stop)
        #expect(try halfLives(settings) == [.seconds(43_200), .seconds(43_200)])
        #expect(
            settings.cache
                == CacheSettings(url: "redis://localhost/3", prefix: "shop", timeout: .milliseconds(200))
        )
        #expect(settings.hotSets["user_profiles"]?.choice == HotSetSettings.Choice.none)
        #expect(
            settings.hotSets["content_popularity"]
                == HotSetSettings(
                    .recent(column: "last_updated", within: .seconds(172_800)),
                    limit: 5,
                    ttl: .seconds(3_600)
                )
        )
        // Rankings are part of what readers were promised, whatever else is hot.
        #expect(settings.hotSets["trending_score"]?.ranking == HotRanking(score: "score", group: "genre"))
    }

    @Test(
        "What cannot be used is refused with key, value and place",
        arguments: [
            ("engine.batch-size", "10001", "10000"), ("engine.batch-size", "0", "from 1"),
            ("engine.batch-size", "ten", "ten"),
            ("engine.memory-budget", "5 apples", "64KiB"), ("engine.memory-budget", "1B", "1KiB"),
            ("engine.window-time", "2", "10s"), ("engine.window-events", "-1", "from 1 to"),
            ("database.prepared-statements", "perhaps", "true or false"), ("database.connect-timeout", "0s", "0s"),
            ("projections.user_profiles.policy", "ignore", "stop, skip"),
            ("projections.trending_score.half-life", "0s", "half-life"),
            ("projections.trending_score.hot.by", "luck", "recent, top, all, none"),
            ("projections.trending_score.hot.limit", "0", "hot.limit"),
            ("projections.trending_score.hot.ranking.best", "10001", "from 1 to 10000"),
            ("projections.trending_score.hot.ranking.limit", "1000001", "from 1 to 1000000"),
            ("projections.trending_score.hot.ranking.within", "0s", "from 1ms to 36500d"),
            ("store.sweep-delays", "1s,soon", "soon"), ("redis.timeout", "fast", "fast"),
            ("store.sweep-delays", "1s,100000000000d", "from 0ms to 365d"),
            ("store.idle-interval", "9223372036854775807ms", "from 1ms to 1h"),
            ("store.idle-interval", "2h", "from 1ms to 1h"),
            ("database.connect-timeout", "106751991167d", "to 1h"), ("database.retry-limit", "366d", "to 365d"),
            ("redis.timeout", "61m", "to 1h"), ("engine.memory-budget", "8388607TiB", "from 1KiB to 16TiB"),
            ("engine.window-time", "25h", "to 1d"),
            ("engine.window-events", "9223372036854775807", "to 1000000000000"),
            ("engine.window-events", "170141183460469231731687303715884105728", "to 1000000000000"),
            ("projections.user_profiles.hot.within", "100000000d", "to 36500d"),
            ("projections.user_profiles.hot.ttl", "36500d", "to 3650d"),
            ("projections.trending_score.half-life", "100000000000d", "to 36500d"),
        ]
    )
    func refused(key: String, value: String, word: String) throws {
        let variable = "REFOLD_" + key.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
        let error = try refusal(nil, [variable: value])
        #expect(error.message.contains(key) && error.description.contains(word), "\(error)")
        #expect(error.remedy.contains(variable))
    }

    @Test("A hot set by a column that is not there is refused with those that are")
    func wrongColumn() throws {
        let name = "REFOLD_PROJECTIONS_TRENDING_SCORE_HOT_COLUMN"
        let error = try #require(#expect(throws: EngineError.self) { try load(nil, [name: "genre"]) })
        #expect(error.code == .setting && error.message.contains("score"))
    }

    @Test("A ranking by time is stated key by key, and turned off by having no column")
    func rankingByTime() throws {
        let section = "REFOLD_PROJECTIONS_USER_PROFILES_HOT_RANKING"
        let stated = [
            "\(section)_BY": "last_active", "\(section)_WITHIN": "90s", "\(section)_GROUP": "name",
            "\(section)_LIMIT": "7", "\(section)_GROUPS": "3",
        ]
        let wanted = HotRanking(time: "last_active", within: .seconds(90), group: "name", limit: 7, groups: 3)
        #expect(try load(nil, stated).hotSets["user_profiles"]?.ranking == wanted)
        let off = ["REFOLD_PROJECTIONS_TRENDING_SCORE_HOT_RANKING_BY": ""]
        #expect(try load(nil, off).hotSets["trending_score"]?.ranking == nil)
    }

    @Test(
        "A ranking by time of columns that do not fit is refused with those that do",
        arguments: [
            (["trending_score.hot.ranking.within": "30s"], "\"score\"", "last_watched"),
            (["user_profiles.hot.ranking.within": "30s"], "\"\"", "last_active"),
            (["user_profiles.hot.ranking.unless": "email"], "hot.ranking", "total_watch_time"),
            (["trending_score.hot.ranking.unless": "score"], "hot.ranking.unless", "genre"),
            (
                ["account_balances.hot.ranking.by": "last_activity", "account_balances.hot.ranking.unless": "nothing"],
                "\"nothing\"", "closed_at"
            ),
        ]
    )
    func wrongRanking(settings: [String: String], named: String, fitting: String) throws {
        let variables = settings.map { key, value in
            ("REFOLD_PROJECTIONS_" + key.uppercased().map { ".-".contains($0) ? "_" : String($0) }.joined(), value)
        }
        let error = try #require(
            #expect(throws: EngineError.self) { try load(nil, Dictionary(uniqueKeysWithValues: variables)) }
        )
        #expect(error.code == .setting)
        #expect(error.message.contains(named) && error.message.contains(fitting), "\(error.message)")
    }

    @Test(
        "A key that does not exist is refused with the nearest",
        arguments: [
            ("engine:\n  batch-sise: 100\n", "engine.batch-size"), ("engin: 5\n", "engine"),
            ("engine:\n  batch-size:\n    a: 1\n", "engine.batch-size"),
            ("projections:\n  user_profile:\n    policy: stop\n", "projections.user_profiles.policy"),
        ]
    )
    func unknownKey(text: String, nearest: String) throws {
        let error = try refusal(text)
        #expect(error.message.hasPrefix("there is no setting") && error.remedy.contains(nearest), "\(error)")
    }

    @Test(
        "A value or a list in place of a section is refused",
        arguments: [
            ("engine: 5\n", "engine"), ("engine: [1]\n", "engine"), ("engine: []\n", "engine"),
            ("projections:\n  user_profiles:\n    hot: [all]\n", "projections.user_profiles.hot"),
        ]
    )
    func valueForSection(text: String, key: String) throws {
        #expect(try refusal(text).message.contains("\(key): it is a section"))
    }

    @Test("A list in place of a value is refused by its key")
    func listForValue() throws {
        #expect(try refusal("engine:\n  batch-size: [1]\n").message.contains("engine.batch-size"))
    }

    @Test("What is no YAML is refused without repeating the file, which may hold a password")
    func noYAML() throws {
        let error = try refusal("database:\n  url: 'postgresql://me:hidden-word@host/x\n engine: [\n")
        #expect(error.message.contains("YAML"))
        #expect(!error.description.contains("hidden-word"))
    }

    @Test(
        "An address that cannot be used is refused without the password",
        arguments: [
            ("REFOLD_REDIS_URL", "rediss://me:hidden-word@host", "TLS"),
            ("REFOLD_REDIS_URL", "http://me:hidden-word@host", "redis"),
            ("REFOLD_DATABASE_URL", "postgresql://me:hidden-word@host:port/x", "port"),
            ("REFOLD_DATABASE_URL", "nonsense hidden-word", "database.url"),
        ]
    )
    func address(variable: String, url: String, word: String) throws {
        let error = try refusal(nil, [variable: url])
        #expect(error.description.contains(word), "\(error)")
        #expect(!error.description.contains("hidden-word"), "\(error)")
    }

    @Test("Variables that set nothing are told, those of tests are not")
    func unknownVariables() throws {
        let settings = try load(
            nil,
            ["REFOLD_DATABASE_URI": "x", "REFOLD_TEST_REDIS_URL": "x", "REFOLD_CONFIG": "", "REFOLD_REDIS_PREFIX": "p"]
        )
        #expect(settings.unknownVariables == ["REFOLD_DATABASE_URI"])
    }

    @Test("Passwords are not shown among the settings")
    func secrets() throws {
        let settings = try load(
            nil,
            [
                "REFOLD_DATABASE_URL": "postgresql://me:hidden-word@host/x",
                "REFOLD_REDIS_URL": "redis://:hidden-word@host",
            ]
        )
        #expect(!"\(settings.origins)".contains("hidden-word"))
        #expect(settings.engine.databaseURL.contains("hidden-word"))
    }
}

/// A file that exists while a test needs it.
enum ConfigurationFile {
    static func with<R>(_ text: String, _ body: (String) throws -> R) throws -> R {
        let path = "/tmp/refold-test-\(UInt64.random(in: .min ... .max)).yaml"
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
        defer { unlink(path) }
        return try body(path)
    }
}
