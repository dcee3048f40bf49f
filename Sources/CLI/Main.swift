internal import ArgumentParser
internal import Glibc

/// Runs one command and leaves with its exit code.
@main
enum Main {
    static func main() async {
        exit(await run(Array(CommandLine.arguments.dropFirst())))
    }

    private static func run(_ arguments: [String]) async -> Int32 {
        do {
            var command = try RefoldCommand.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch {
            if RefoldCommand.exitCode(for: error) == .success {
                Console.out(RefoldCommand.fullMessage(for: error))
                return 0
            }
            let failure = Failure(error)
            if let line = failure.line { Console.error(line) }
            return failure.code
        }
    }
}
