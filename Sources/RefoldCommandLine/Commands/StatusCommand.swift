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
        let json = json
        var problem: (any Error)?
        try await Watch.run(isRepeated: watch, isJSON: json) {
            let status = try await engine.status()
            problem = status.store.problem
            return json ? .json(status.json) : .lines(status.lines)
        }
        if let problem { throw problem }
    }
}
