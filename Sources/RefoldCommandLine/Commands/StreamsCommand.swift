internal import ArgumentParser
internal import Engine
internal import EventStore
internal import Refold

/// `refold streams`
struct StreamsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams",
        abstract: "Look at the event store's streams.",
        subcommands: [List.self, Show.self]
    )

    func run() throws {
        throw UsageError(
            "streams takes a command",
            remedy: "use \(Program.name) streams list or \(Program.name) streams show STREAM"
        )
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List streams with their versions, in the order of their ids."
        )

        @OptionGroup var shared: SharedOptions
        @Option(help: "Only streams whose ids begin with this.") var prefix = ""
        @Option(help: "How many at most.") var limit = 100
        @Option(help: ArgumentHelp("Begin after this stream.", valueName: "stream")) var after: String?
        @Flag(help: "Print a JSON object.") var json = false

        func validate() throws {
            guard limit > 0 else { throw ValidationError("--limit is \(limit), not 1 or more") }
        }

        func run() async throws {
            let found = try await shared.engine().withStreams(for: "streams list") { streams in
                try await streams.streams(prefix: prefix, after: after, limit: limit)
            }
            if json {
                let result: JSON = ["streams": .array(found.map(\.json))]
                return Console.out(json: result)
            }
            var table = TextTable(["stream", "version", "last updated"])
            for stream in found {
                table.append([stream.id, Format.grouped(stream.version.rawValue), "\(stream.lastUpdated)"])
            }
            Console.out(lines: table.lines)
        }
    }
}

extension StreamSummary {
    fileprivate var json: JSON {
        [
            "stream": .text(id), "version": .integer(version.rawValue), "last_updated": .text("\(lastUpdated)"),
        ]
    }
}
