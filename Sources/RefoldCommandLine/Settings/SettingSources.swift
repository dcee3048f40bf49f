internal import Configuration
internal import Engine

/// Where values come from: the environment before the file, the file before the defaults.
struct SettingSources {
    private let file: SettingsFile?
    private let environment: EnvironmentVariablesProvider

    /// - Throws: `SettingError` for a key in the file that does not exist, with the nearest one.
    init(file: SettingsFile?, environment: [String: String], catalogue: [Setting]) throws {
        self.file = file
        self.environment = EnvironmentVariablesProvider(environmentVariables: environment, secretsSpecifier: .all)
        for key in file?.keys ?? [] { try Self.check(key, in: file, catalogue) }
    }

    private static func check(_ key: String, in file: SettingsFile?, _ catalogue: [Setting]) throws {
        let path = file?.path ?? ""
        if catalogue.contains(where: { $0.key == key }) { return }
        if catalogue.contains(where: { $0.key.hasPrefix(key + ".") }) {
            // A section whose lines are all commented out has the value null.
            if file?.isEmpty(key) ?? true { return }
            throw SettingError("there is no setting \(key): it is a section", remedy: "correct it in \(path)")
        }
        // Sections too: of a wrong section's keys none would be near.
        let names = Set(catalogue.flatMap { Self.sections(of: $0.key) + [$0.key] }).sorted()
        let nearest = names.min { EditDistance.between($0, key) < EditDistance.between($1, key) }
        throw SettingError(
            "there is no setting \(key)",
            remedy: "did you mean \(nearest ?? "")? Correct it in \(path)"
        )
    }

    private static func sections(of key: String) -> [String] {
        let components = key.split(separator: ".")
        return (1..<components.count).map { components.prefix($0).joined(separator: ".") }
    }

    /// The text of a setting, and where it stands.
    func text(of setting: Setting) throws -> SettingText {
        let components = setting.key.split(separator: ".").map(String.init)
        let found = try environment.value(
            forKey: AbsoluteConfigKey(["refold"] + components),
            type: setting.isList ? .stringArray : .string
        )
        if let value = found.value {
            let values = value.content.texts.filter { !setting.isList || !$0.isEmpty }
            return SettingText(key: setting.key, values: values, source: .environment(found.encodedKey))
        }
        if let file, let values = try file.values(of: setting) {
            return SettingText(key: setting.key, values: values, source: .file(file.path))
        }
        return SettingText(key: setting.key, values: setting.defaultValues, source: .default)
    }
}

extension SettingsFile {
    fileprivate func isEmpty(_ key: String) -> Bool {
        guard let snapshot else { return true }
        let key = AbsoluteConfigKey(key.split(separator: ".").map(String.init))
        // A list cannot be read as one text.
        guard let found = try? snapshot.value(forKey: key, type: .string) else { return false }
        return found.value?.content.texts.allSatisfy(\.isEmpty) ?? true
    }

    /// A setting's values; nil when the file does not say.
    fileprivate func values(of setting: Setting) throws -> [String]? {
        guard let snapshot, keys.contains(setting.key) else { return nil }
        let key = AbsoluteConfigKey(setting.key.split(separator: ".").map(String.init))
        if let found = try? snapshot.value(forKey: key, type: setting.isList ? .stringArray : .string) {
            return found.value?.content.texts
        }
        throw SettingError(
            "\(setting.key) has to be \(setting.isList ? "a list, such as [60s, 3600s]" : "a single value, not a list")",
            remedy: "correct it in \(path)"
        )
    }
}

extension ConfigContent {
    fileprivate var texts: [String] {
        switch self {
        case .string(let text): [text]
        case .stringArray(let texts): texts
        default: []
        }
    }
}
