internal import ArgumentParser
internal import Engine
internal import Logging
internal import Refold

/// `refold status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the state of the store and of every projection."
    )

    @OptionGroup var shared: SharedOptions
    @Flag(help: "Print a JSON object; with --watch one a line.") var json = false
    @Flag(help: "Show it again every second, until interrupted.") var watch = false

    func run() async throws {
        let engine = try shared.engine(logging: .warning)
        guard watch else {
            let status = try await engine.status()
            print(status)
            if let problem = status.store.problem { throw problem }
            return
        }
        let json = json
        try await Watch.run(isRepeated: true, isJSON: json) {
            let status = try await engine.status()
            return json ? .json(status.json) : .lines(status.lines)
        }
    }

    private func print(_ status: Status) {
        if json { Console.out(json: status.json) } else { Console.out(lines: status.lines) }
    }
}
