internal import ArgumentParser
internal import Engine
internal import EventStore
internal import Refold

/// `refold migrate`
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Create the schemas, the store's tables where they are missing, and the views.",
        discussion: "Changes nothing that exists; safe to run again, and twice at once."
    )

    @OptionGroup var shared: SharedOptions
    @Flag(help: "Print a JSON object.") var json = false

    func run() async throws {
        let engine = try shared.engine()
        try await SignalRunner.result(of: engine, unfinished: "run \(Program.name) migrate again") {
            try await engine.migrate()
        }
        let table = "\(engine.settings.store.schema).\(engine.settings.store.eventsTable)"
        let names = engine.projections.map(\.name.rawValue)
        if json {
            let result: JSON = ["store": .text(table), "projections": .array(names.map { .text($0) })]
            Console.out(json: result)
        } else {
            Console.out("The database has what refold needs: \(table), \(names.joined(separator: ", ")).")
        }
    }
}
