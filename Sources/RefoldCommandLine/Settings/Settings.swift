package import Engine
internal import EventStore
package import HotCache
internal import Kafka
package import Refold
package import Relay

/// Everything that was set: defaults, then the file, then the environment.
package struct Settings: Sendable {
    /// For the engine.
    package var engine = EngineSettings()
    /// Where the cache is; nil for none.
    package var cache: CacheSettings?
    /// What is sent to Kafka, and where; without brokers nothing is.
    package var relay = RelaySettings(kafka: KafkaSettings(bootstrapServers: []), routes: [])
    /// Which rows of a projection are cached; none where nothing is said.
    package var hotSets: [ProjectionName: HotSetSettings] = [:]
    /// The projections that these settings give.
    package private(set) var projections: [any Projection]
    /// Each value with its source, in the order of the documentation; what may hold a password is not shown.
    package internal(set) var origins: [SettingOrigin] = []
    /// Variables with our prefix that are no setting.
    package internal(set) var unknownVariables: [String] = []
    var redisURL: String?
    var redisPrefix = "refold"
    var redisTimeout: Duration = .seconds(1)
    var redisRestTTL: Duration = .hours(26)
    var hot: [ProjectionName: HotChoice] = [:]
    /// The values of the settings that projections state, by key.
    var ofProjections: [String: ProjectionSetting.Value] = [:]

    private init(_ projections: [any Projection]) {
        self.projections = projections
    }

    /// Reads all settings.
    ///
    /// - Parameters:
    ///   - installation: whose projections have settings.
    ///   - file: the file that `--config` names, if it does.
    ///   - environment: the process's environment.
    ///   - places: where a file is looked for when nobody names one.
    package static func load(
        _ installation: Installation,
        file: String?,
        environment: [String: String],
        places: [String] = ["Config/refold.yaml", "/etc/refold/refold.yaml"]
    ) throws -> Settings {
        let catalogue = Setting.all(projections: installation.projections)
        let sources = try SettingSources(
            file: SettingsFile.find(named: file, environment: environment, places: places),
            environment: environment,
            catalogue: catalogue
        )
        var settings = Settings(installation.projections)
        for setting in catalogue {
            let text = try sources.text(of: setting)
            try setting.apply(text, &settings)
            settings.origins.append(SettingOrigin(text, isSecret: setting.isSecret))
        }
        try settings.finish()
        let known = Set(catalogue.map(\.variable) + ["REFOLD_CONFIG", "REFOLD_SERVICES_DIR"])
        settings.unknownVariables = environment.keys.sorted().filter {
            $0.hasPrefix("REFOLD_") && !$0.hasPrefix("REFOLD_TEST_") && !known.contains($0)
        }
        return settings
    }

    /// Does what depends on more than one setting.
    private mutating func finish() throws {
        do throws(EventStoreError) {
            try engine.store.validate()
        } catch {
            throw SettingError("store: \(error.message)", remedy: "correct the names under store")
        }
        for (name, choice) in hot { hotSets[name] = choice.settings }
        cache = redisURL.map {
            CacheSettings(url: $0, prefix: redisPrefix, timeout: redisTimeout, restTTL: redisRestTTL)
        }
        projections = projections.map { $0.configured(by: ofProjections) }
        for projection in projections {
            guard let hot = hotSets[projection.name] else { continue }
            _ = try HotSet(hot, of: projection)
        }
    }
}

/// A setting's value and where it came from, for people.
package struct SettingOrigin: Sendable, Hashable {
    /// The key.
    package let key: String
    /// The value; `***` in place of what may hold a password.
    package let value: String
    /// Where it came from.
    package let source: SettingSource

    init(_ text: SettingText, isSecret: Bool) {
        key = text.key
        value = isSecret && text.source != .default && !text.text.isEmpty ? "***" : text.text
        source = text.source
    }
}
