internal import ArgumentParser
internal import CMalloc
internal import Engine
internal import Glibc
internal import Refold

/// The whole of a program that runs projections:
///
/// ```swift
/// await RefoldCommand.main(Installation(projections: [OrderTotals()], aggregates: [Order.self]))
/// ```
public enum RefoldCommand {
    /// The version of Refold.
    public static let version = "1.0.0"

    /// Runs the command that the process's arguments name, for an installation, and ends the process with its exit
    /// code.
    public static func main(_ installation: Installation) async -> Never {
        shareFreedMemory()
        let code = await Program.$name.withValue(installation.name) {
            await Installation.$current.withValue(installation) { await run() }
        }
        exit(code)
    }

    /// Events are put into memory by one thread and freed by others, hundreds of megabytes a second. Left to itself,
    /// malloc returns what is free at the moment to the system, and each page of it is zeroed and mapped anew a moment
    /// later: a twentieth of a rebuild. One arena for all threads: with one for each, what one thread has freed is of
    /// no use to the others, 50 MiB of it where rows are long and grow.
    private static func shareFreedMemory() {
        mallopt(M_TRIM_THRESHOLD, 64 << 20)
        mallopt(M_ARENA_MAX, 1)
    }

    private static func run() async -> Int32 {
        do {
            var command = try parse(arguments())
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch {
            if RootCommand.exitCode(for: error) == .success {
                Console.out(help: RootCommand.fullMessage(for: error))
                return 0
            }
            let failure = Failure(error)
            if let line = failure.line { Console.error(line) }
            return failure.code
        }
    }

    /// The arguments, byte for byte. `CommandLine.arguments` has replacement characters for what is no UTF-8: an id
    /// with such bytes would name another stream.
    private static func arguments() throws -> [String] {
        try (0..<Int(CommandLine.argc)).dropFirst().compactMap { place in
            guard let bytes = CommandLine.unsafeArgv[place] else { return nil }
            if let argument = String(validatingCString: bytes) { return argument }
            throw UsageError(
                "argument \(place), \(String(cString: bytes).abbreviated()), is not UTF-8",
                remedy: "write it in UTF-8, as the database has it"
            )
        }
    }

    /// - Throws: `UsageError` for a command that does not exist, with the nearest, and for what its flags refuse; what
    ///   the argument parser throws to print help.
    private static func parse(_ arguments: [String]) throws -> any ParsableCommand {
        let commands = RootCommand.configuration.subcommands.compactMap { $0.configuration.commandName }
        let name = arguments.first { !$0.hasPrefix("-") }
        if let name, arguments.first == name, name != "help", !commands.contains(name) {
            let nearest = commands.min { EditDistance.between($0, name) < EditDistance.between($1, name) }
            throw UsageError(
                "there is no command \(name)",
                remedy: "did you mean \(nearest ?? "")? See \(Installation.current.name) --help"
            )
        }
        switch Result(catching: { try RootCommand.parseAsRoot(arguments) }) {
        case .success(let command):
            return command
        case .failure(let error):
            guard RootCommand.exitCode(for: error) == .validationFailure else { throw error }
            let program = Installation.current.name
            let command = commands.first { $0 == name }.map { "\(program) \($0)" } ?? program
            throw UsageError(RootCommand.message(for: error), remedy: "see \(command) --help")
        }
    }
}
