internal import ArgumentParser
internal import Engine
internal import Kafka
internal import Logging
internal import Refold
internal import Relay

/// `refold doctor`
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check everything that refold needs, and say what to do about what is missing.",
        discussion: "Ends with the exit code of the first check that fails. Prints where each setting comes from."
    )

    @OptionGroup var shared: SharedOptions
    @Flag(help: "Print a JSON object.") var json = false

    func run() async throws {
        let settings = try shared.load()
        let engine = try settings.makeEngine(logging: .warning)
        var checks = [settings.variablesCheck] + (await engine.doctor())
        if !settings.relay.kafka.bootstrapServers.isEmpty { checks.append(await Relay(engine, settings.relay).check()) }
        if json {
            let result: JSON = [
                "checks": .array(checks.map(\.json)), "settings": .array(settings.origins.map(\.json)),
            ]
            Console.out(json: result)
        } else {
            for check in checks { Console.out(check.text) }
            Console.out(lines: ["", "Settings"])
            var table = TextTable(["key", "value", "from"])
            for origin in settings.origins { table.append([origin.key, origin.value, "\(origin.source)"]) }
            Console.out(lines: table.lines)
        }
        if let error = checks.compactMap(\.error).first {
            let failure = Failure(error)
            if let line = failure.line { Console.error(line) }
            throw SilentExit(code: failure.code)
        }
    }
}

extension Settings {
    /// Misspelt variables are not refused, since others may use the same prefix; here they are reported.
    fileprivate var variablesCheck: Check {
        guard !unknownVariables.isEmpty else {
            return .passed("settings", "every REFOLD_ variable is a setting")
        }
        let names = unknownVariables.joined(separator: ", ")
        return .warning("settings", "\(names) set nothing", remedy: "correct or remove the variables")
    }
}

extension Check {
    fileprivate var json: JSON {
        [
            "check": .text(name), "result": .text(result.rawValue), "found": .text(found), "remedy": .optional(remedy),
        ]
    }

    fileprivate var text: String {
        let sign =
            switch result {
            case .passed: "ok     "
            case .warning: "warning"
            case .failed: "FAILED "
            }
        return "\(sign)  \(name): \(found)" + (remedy.map { " — \($0)" } ?? "")
    }
}

extension SettingOrigin {
    fileprivate var json: JSON { ["key": .text(key), "value": .text(value), "source": .text("\(source)")] }
}
