internal import ArgumentParser
internal import Engine
internal import Refold

/// `refold cache`
struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Fill or empty a projection's hot rows in Redis.",
        subcommands: [Warm.self, Clear.self]
    )

    func run() throws {
        throw UsageError(
            "cache takes a command",
            remedy: "use \(Program.name) cache warm NAME or \(Program.name) cache clear NAME"
        )
    }

    struct Warm: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Fill the cache with the hot rows anew.")

        @OptionGroup var shared: SharedOptions
        @Argument(help: "The projection.") var projection: String

        func run() async throws {
            let engine = try shared.engine()
            let projection = try engine.projection(named: projection)
            try await SignalRunner.result(of: engine, unfinished: "a daemon warms it as well, or run the command again")
            {
                try await engine.warmCache(of: projection)
            }
            Console.out("The cache of \(projection.name) is warm.")
        }
    }

    struct Clear: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove the rows from the cache; a running daemon fills it again."
        )

        @OptionGroup var shared: SharedOptions
        @Argument(help: "The projection.") var projection: String

        func run() async throws {
            let engine = try shared.engine()
            let projection = try engine.projection(named: projection)
            let keys = try await SignalRunner.result(of: engine, unfinished: "some keys may be left: run it again") {
                try await engine.clearCache(of: projection)
            }
            Console.out("\(Format.grouped(Int64(keys))) keys of \(projection.name) are gone.")
        }
    }
}
