internal import ArgumentParser

/// What `ops/bench` measures of the write side and no command of `refold` does.
@main
struct WriteBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "WriteBenchmark",
        abstract: "Measures appending events and loading aggregates.",
        subcommands: [Appends.self, Loads.self]
    )
}
