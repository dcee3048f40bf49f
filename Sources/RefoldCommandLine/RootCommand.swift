internal import ArgumentParser

/// The root of all commands.
struct RootCommand: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        let installation = Installation.current
        let own: [any ParsableCommand.Type] = installation.commands
        return CommandConfiguration(
            commandName: installation.name,
            abstract: "Folds the events of a PostgreSQL event store into read models.",
            discussion: """
                Settings come from --config FILE, else $REFOLD_CONFIG, else ./Config/refold.yaml, else \
                /etc/refold/refold.yaml; then from the environment (REFOLD_DATABASE_URL, REFOLD_REDIS_URL, …); then from \
                flags. Exit codes: 0 done, 64 usage, 65 data, 69 a server is unreachable, 75 try again, 78 configuration.
                """,
            version: installation.version,
            subcommands: [MigrateCommand.self] + own + [
                RebuildCommand.self, TailCommand.self, StatusCommand.self,
                ShowCommand.self, GenerationsCommand.self, ResetCommand.self, RollbackCommand.self, CacheCommand.self,
                DoctorCommand.self, AppendCommand.self, StreamsCommand.self, ImportCommand.self, ExportCommand.self,
                RelayCommand.self,
            ]
        )
    }

    func run() throws {
        for line in Self.helpMessage().split(separator: "\n", omittingEmptySubsequences: false) {
            Console.error(String(line))
        }
        throw SilentExit(code: Failure.usage)
    }
}
