internal import ArgumentParser
internal import Engine
internal import Logging
internal import Refold

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
        guard watch else {
            let status = try await engine.status()
            Console.out(json ? status.json.text : status.text)
            if let problem = status.store.problem { throw problem }
            return
        }
        while true {
            do {
                let status = try await engine.status()
                // Home and clear: the same place every time.
                let clear = Console.outputIsTerminal ? "\u{1B}[H\u{1B}[2J" : ""
                Console.out(json ? status.json.text : clear + status.text)
            } catch {
                // Who watches wants to see the server come back.
                let failure = Failure(error)
                guard failure.isPassing, let line = failure.line else { throw error }
                Console.error(line)
            }
            try await Task.sleep(for: .seconds(1))
        }
    }
}
