internal import Engine
internal import EventStore
internal import Kafka
internal import Postgres
internal import Redis
package import Refold
internal import Relay

/// One key of the settings: its default, and how its text becomes a value.
package struct Setting: Sendable {
    /// As the file has it: `engine.batch-size`.
    package let key: String
    /// The default, as it would be written.
    package let defaultValues: [String]
    /// Whether the value is a list.
    let isList: Bool
    /// Whether the value may hold a password.
    let isSecret: Bool
    let apply: @Sendable (SettingText, inout Settings) throws(SettingError) -> Void

    /// The environment variable that sets it.
    var variable: String {
        "REFOLD_" + String(key.uppercased().map { $0 == "." || $0 == "-" ? "_" : $0 })
    }

    private init(
        _ key: String,
        _ defaultValues: String...,
        isList: Bool = false,
        isSecret: Bool = false,
        apply: @escaping @Sendable (SettingText, inout Settings) throws(SettingError) -> Void
    ) {
        self.key = key
        self.defaultValues = defaultValues
        self.isList = isList
        self.isSecret = isSecret
        self.apply = apply
    }

    /// Every key there is.
    ///
    /// - Parameter projections: the installation's; each has keys of its own.
    package static func all(projections: [any Projection]) -> [Setting] {
        // Projections that share a setting all state it; it stands with those of the projection that it is named for.
        let stated = projections.flatMap(\.settings)
        var all = general + relay
        for projection in projections {
            all += general(of: projection)
            for setting in stated
            where setting.section == projection.name && !all.contains(where: { $0.key == setting.key }) {
                all.append(Setting(setting))
            }
        }
        for setting in stated where !all.contains(where: { $0.key == setting.key }) { all.append(Setting(setting)) }
        return all
    }

    private static let general: [Setting] = [
        Setting("database.url", "postgresql:///refold", isSecret: true) { text, settings throws(SettingError) in
            do throws(PostgresError) {
                _ = try ConnectionString(text.text)
            } catch {
                throw text.refused(because: error.message)
            }
            settings.engine.databaseURL = text.text
        },
        Setting("database.prepared-statements", "true") { text, settings throws(SettingError) in
            settings.engine.preparesStatements = try text.boolean()
        },
        Setting("database.connect-timeout", "10s") { text, settings throws(SettingError) in
            settings.engine.connectTimeout = try text.duration(atLeast: .milliseconds(1), atMost: .hours(1))
        },
        Setting("database.retry-limit", "60s") { text, settings throws(SettingError) in
            settings.engine.retryLimit = try text.duration(atLeast: .zero)
        },
        Setting("redis.url", "", isSecret: true) { text, settings throws(SettingError) in
            guard !text.text.isEmpty else { return }
            do throws(RedisError) {
                _ = try RedisURL(text.text)
            } catch {
                throw text.refused(because: error.message)
            }
            settings.redisURL = text.text
        },
        Setting("redis.prefix", "refold") { text, settings throws(SettingError) in
            guard !text.text.isEmpty else { throw text.refused(expected: "a prefix for keys") }
            settings.redisPrefix = text.text
        },
        Setting("redis.timeout", "1s") { text, settings throws(SettingError) in
            settings.redisTimeout = try text.duration(atLeast: .milliseconds(1), atMost: .hours(1))
        },
        Setting("redis.rest-lifetime", "26h") { text, settings throws(SettingError) in
            settings.redisRestTTL = try text.duration(atLeast: .seconds(1))
        },
        Setting("store.schema", "public") { text, settings in settings.engine.store.schema = text.text },
        Setting("store.table", "events") { text, settings in settings.engine.store.eventsTable = text.text },
        Setting("store.streams-table", "streams") { text, settings in
            settings.engine.store.streamsTable = text.text
        },
        Setting("store.idle-interval", "10ms") { text, settings throws(SettingError) in
            settings.engine.idleInterval = try text.duration(atLeast: .milliseconds(1), atMost: .hours(1))
        },
        Setting("store.sweep-delays", "60s", "3600s", isList: true) { text, settings throws(SettingError) in
            settings.engine.sweepDelays = try text.durations(atLeast: .zero)
        },
        Setting("store.accept-shortened-log", "false") { text, settings throws(SettingError) in
            settings.engine.acceptsShortenedLog = try text.boolean()
        },
        Setting("engine.lease-time", "10s") { text, settings throws(SettingError) in
            settings.engine.leaseTime = try text.duration(atLeast: .milliseconds(300), atMost: .hours(1))
        },
        Setting("engine.switchover-limit", "3s") { text, settings throws(SettingError) in
            settings.engine.switchoverLimit = try text.duration(atLeast: .zero, atMost: .hours(1))
        },
        Setting("engine.batch-size", "100") { text, settings throws(SettingError) in
            let count = try text.integer(in: 1...10_000)
            do throws(InvalidValue) {
                settings.engine.batchSize = try BatchSize(count)
            } catch {
                throw text.refused(because: "\(error)")
            }
        },
        Setting("engine.memory-budget", "512MiB") { text, settings throws(SettingError) in
            settings.engine.memoryBudget = try text.bytes(in: ByteSize(bytes: 1 << 10)...ByteSize(bytes: 16 << 40))
        },
        Setting("engine.window-time", "10s") { text, settings throws(SettingError) in
            settings.engine.windowTime = try text.duration(atLeast: .milliseconds(1), atMost: .days(1))
        },
        Setting("engine.window-events", "10000000") { text, settings throws(SettingError) in
            settings.engine.windowEvents = try text.integer(in: 1...1_000_000_000_000)
        },
    ]

    private static let relay: [Setting] = [
        Setting("relay.bootstrap-servers", isList: true) { text, settings in
            settings.relay.kafka.bootstrapServers = text.values
        },
        Setting("relay.properties", isList: true, isSecret: true) { text, settings throws(SettingError) in
            for property in text.values {
                let parts = property.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2 else { throw text.refused(because: "a property is written NAME=VALUE") }
                settings.relay.kafka.properties[String(parts[0])] = String(parts[1])
            }
        },
        Setting(
            "relay.topics",
            "streaming.started:video-events:user_id",
            "streaming.quality_changed:video-events:user_id",
            "streaming.ended:video-events:user_id",
            "streaming.heartbeat:video-heartbeat:user_id",
            "recommendation.updated:recommendation-events:user_id",
            isList: true
        ) { text, settings throws(SettingError) in
            var routes: [TopicRoute] = []
            for value in text.values {
                guard let route = TopicRoute(value), !routes.contains(where: { $0.type == route.type }) else {
                    throw text.refused(value, expected: "TYPE:TOPIC:KEY, once for each type")
                }
                routes.append(route)
            }
            settings.relay.routes = routes
        },
        Setting("relay.version", "") { text, settings throws(SettingError) in
            guard text.text.isEmpty || TopicRoute.isTopic(text.text) else {
                throw text.refused(expected: "a word that can be part of a topic's name")
            }
            settings.relay.version = text.text
        },
        Setting("relay.marker-interval", "1s") { text, settings throws(SettingError) in
            settings.relay.markerInterval = try text.duration(atLeast: .milliseconds(10), atMost: .hours(1))
        },
    ]

    private static func general(of projection: any Projection) -> [Setting] {
        let name = projection.name
        let prefix = "projections.\(name)"
        let defaults = HotChoice(projection.defaultHotSet)
        return [
            Setting("\(prefix).policy", "stop") { text, settings throws(SettingError) in
                settings.engine.policies[name] = try text.word(of: ["stop", "skip"]) == "skip" ? .skip : .stop
            },
            Setting("\(prefix).hot.by", defaults.by) { text, settings throws(SettingError) in
                settings.hot[name, default: defaults].by = try text.word(of: ["recent", "top", "all", "none"])
            },
            Setting("\(prefix).hot.column", defaults.column) { text, settings in
                settings.hot[name, default: defaults].column = text.text
            },
            Setting("\(prefix).hot.within", defaults.within.asDefault) { text, settings throws(SettingError) in
                settings.hot[name, default: defaults].within = try text.duration(
                    atLeast: .milliseconds(1),
                    atMost: .days(36_500)
                )
            },
            Setting("\(prefix).hot.limit", "\(defaults.limit)") { text, settings throws(SettingError) in
                settings.hot[name, default: defaults].limit = try text.integer(in: 1...Int(Int32.max))
            },
            Setting("\(prefix).hot.ttl", defaults.ttl.asDefault) { text, settings throws(SettingError) in
                settings.hot[name, default: defaults].ttl = try text.duration(
                    atLeast: .seconds(1),
                    atMost: .days(3_650)
                )
            },
            Setting("\(prefix).hot.ranking.by", defaults.rankedBy) { text, settings in
                settings.hot[name, default: defaults].rankedBy = text.text
            },
            Setting("\(prefix).hot.ranking.group", defaults.group) { text, settings in
                settings.hot[name, default: defaults].group = text.text
            },
            Setting("\(prefix).hot.ranking.best", "\(defaults.best)") { text, settings throws(SettingError) in
                settings.hot[name, default: defaults].best = try text.integer(in: 1...HotRanking.mostPlaces)
            },
            Setting("\(prefix).hot.ranking.groups", "\(defaults.groups)") { text, settings throws(SettingError) in
                settings.hot[name, default: defaults].groups = try text.integer(in: 1...HotRanking.mostGroups)
            },
            Setting("\(prefix).hot.ranking.within", defaults.rankedWithin?.asDefault ?? "") {
                text,
                settings throws(SettingError) in
                settings.hot[name, default: defaults].rankedWithin =
                    text.text.isEmpty ? nil : try text.duration(atLeast: .milliseconds(1), atMost: .days(36_500))
            },
            Setting("\(prefix).hot.ranking.unless", defaults.unless) { text, settings in
                settings.hot[name, default: defaults].unless = text.text
            },
            Setting("\(prefix).hot.ranking.limit", "\(defaults.rankedLimit)") { text, settings throws(SettingError) in
                settings.hot[name, default: defaults].rankedLimit = try text.integer(in: 1...HotRanking.mostMembers)
            },
        ]
    }

    /// A setting that projections state themselves.
    private init(_ stated: ProjectionSetting) {
        self.init(stated.key, stated.value.asDefault) { text, settings throws(SettingError) in
            settings.ofProjections[stated.key] = try text.value(like: stated.value)
        }
    }
}

extension ProjectionSetting.Value {
    /// As a file would have it.
    fileprivate var asDefault: String {
        switch self {
        case .duration(let time, _): time.asDefault
        case .integer(let number, _): "\(number)"
        case .boolean(let value): "\(value)"
        case .word(let word, _): word
        }
    }
}

extension Duration {
    /// As people write it in a file: 24h rather than 1d.
    fileprivate var asDefault: String { self == .days(1) ? "24h" : "\(TimeSpan(self))" }
}
