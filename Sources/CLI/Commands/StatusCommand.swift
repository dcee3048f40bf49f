internal import ArgumentParser
internal import Engine
internal import Logging

/// `refold status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the store and every projection stand."
    )

    @OptionGroup var shared: SharedOptions
    @Flag(help: "Print a JSON object; with --watch one a line.") var json = false
    @Flag(help: "Show it again every second, until interrupted.") var watch = false

    func run() async throws {
        let engine = try shared.engine(logging: .error)
        repeat {
            let status = try await engine.status()
            if json {
                Console.out(status.json.text)
            } else {
                // Home and clear: the same place every time.
                Console.out((watch && Console.outputIsTerminal ? "\u{1B}[H\u{1B}[2J" : "") + status.text)
            }
            guard watch else {
                if let problem = status.store.problem { throw problem }
                return
            }
            try await Task.sleep(for: .seconds(1))
        } while true
    }
}
