internal import ArgumentParser
internal import Engine
internal import Refold

/// `refold rollback`
struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Make the generation that was live before the live one again.",
        discussion: "It is folded up to the live one's position first, so that readers never go back in time."
    )

    @OptionGroup var shared: SharedOptions
    @Argument(help: "The projection.") var projection: String
    @Flag(help: "Switch first: readers see an older model until tail has caught up.") var now = false
    @Flag(help: "Do not ask.") var yes = false
    @Flag(help: "Print a JSON object.") var json = false

    func run() async throws {
        let engine = try shared.engine()
        let projection = try engine.projection(named: projection)
        if !yes {
            let known = try await engine.generations().filter { $0.projection == projection.name }
            let (live, kept) = (known.first { $0.role == .live }, known.first { $0.role == .kept })
            let plan =
                kept.map { "to generation \($0.generation), which stands at \($0.position)" } ?? "(nothing is kept)"
            let back = live.map { " against \($0.position) of the live one" } ?? ""
            try Confirmation.require("Roll \(projection.name) back \(plan)\(back)?\(now ? " Now?" : "")", yes)
        }
        let generation = try await SignalRunner.result(
            of: engine,
            unfinished: "run \(Program.name) status to see where it stands"
        ) {
            [now] in try await engine.rollback(projection, now: now)
        }
        if json {
            let result: JSON = ["name": .text(projection.name.rawValue), "generation": .integer(generation.rawValue)]
            Console.out(json: result)
        } else {
            Console.out("\(projection.name): generation \(generation) is live again.")
        }
    }
}
