internal import ArgumentParser
internal import Engine
internal import Refold

/// `refold reset`
struct ResetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Empty a read model; the daemon folds it again from the first event on.",
        discussion: "Readers see an empty model until it has. To keep them served, use rebuild."
    )

    @OptionGroup var shared: SharedOptions
    @Argument(help: "The projection.") var projection: String
    @Flag(help: "Go ahead although the oldest events that the live model was folded from are gone.")
    var acceptShortenedLog = false
    @Flag(help: "Do not ask.") var yes = false
    @Flag(help: "Print a JSON object.") var json = false

    func run() async throws {
        let engine = try shared.engine()
        let projection = try engine.projection(named: projection)
        try Confirmation.require(
            "Reset \(projection.name)? Readers see it empty until tail has folded the log again; "
                + "the rows of now are kept for \(Program.name) rollback.",
            yes
        )
        let generation = try await SignalRunner.result(
            of: engine,
            unfinished: "run \(Program.name) status to see where it stands"
        ) {
            [acceptShortenedLog] in try await engine.reset(projection, acceptsShortenedLog: acceptShortenedLog)
        }
        if json {
            let result: JSON = ["name": .text(projection.name.rawValue), "generation": .integer(generation.rawValue)]
            Console.out(json: result)
        } else {
            Console.out("\(projection.name) is empty: generation \(generation) is live, and tail fills it.")
        }
    }
}

/// Asks before doing something that readers notice.
enum Confirmation {
    /// - Throws: when nobody can answer, or the answer is no.
    static func require(_ question: String, _ isGiven: Bool) throws {
        if isGiven { return }
        guard Console.canAsk else {
            throw UsageError("there is no terminal to ask at: \(question)", remedy: "repeat the command with --yes")
        }
        guard Console.confirm(question) else {
            throw UsageError("nothing was done", remedy: "answer y, or pass --yes")
        }
    }
}
