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
        while true {
            do {
                let status = try await engine.status()
                // The same place every time.
                if !json { Console.clear() }
                print(status)
            } catch {
                // A user who watches wants to see the server come back.
                let failure = Failure(error)
                guard failure.isPassing, let line = failure.line else { throw error }
                Console.error(line)
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func print(_ status: Status) {
        if json { Console.out(json: status.json) } else { Console.out(lines: status.lines) }
    }
}
