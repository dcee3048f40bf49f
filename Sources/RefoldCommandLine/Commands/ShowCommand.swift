internal import ArgumentParser
internal import Engine
internal import Refold

/// `refold show`
struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print one row of a read model, and whether it came from the cache or the database."
    )

    @OptionGroup var shared: SharedOptions
    @Argument(help: "The projection.") var projection: String
    @Argument(help: ArgumentHelp("The row's key; one word for each column of it.", valueName: "key"))
    var key: [String]
    @Flag(help: "Print a JSON object.") var json = false

    func run() async throws {
        let engine = try shared.engine()
        let projection = try engine.projection(named: projection)
        let shown = try await engine.show(projection, key: key)
        if json {
            let result: JSON = [
                "source": .text(shown.source.rawValue), "generation": .optional(shown.generation?.rawValue),
                "row": shown.json.map { .raw($0) } ?? .null,
            ]
            Console.out(json: result)
        } else if let row = shown.json {
            Console.out("\(projection.name) generation \(shown.generation ?? 0), from the \(shown.source.rawValue)")
            Console.out(row)
        }
        guard shown.json != nil else {
            Console.error(
                "\(Program.name): \(projection.name) has no row \(key.joined(separator: ", ")) — look for another key"
            )
            throw SilentExit(code: Failure.data)
        }
    }
}
