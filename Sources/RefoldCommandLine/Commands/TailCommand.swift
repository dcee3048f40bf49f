internal import ArgumentParser
internal import Engine
internal import Logging
internal import Refold
internal import Synchronization

/// `refold tail`
struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Keep the live read models up with the log, for ever: the daemon.",
        discussion: "Stops within 5 seconds on SIGTERM and SIGINT, with everything committed."
    )

    @OptionGroup var shared: SharedOptions
    @Argument(help: "The projections.") var projections: [String] = []
    @Flag(help: "End at what is now the head of the log.") var untilCaughtUp = false
    @Option(help: EmitStart.help) var emitFrom: EmitStart?
    @Flag(help: "Print nothing when all goes well.") var quiet = false

    func run() async throws {
        // A daemon's warnings are its only voice; a run that ends says everything with its exit code.
        let level: Logger.Level = untilCaughtUp ? (quiet ? .critical : .warning) : (quiet ? .warning : .info)
        let engine = try shared.engine(logging: level)
        let chosen = try engine.projections(named: projections)
        if emitFrom != nil { try EmitStart.requireEmitter(among: chosen) }
        engine.say("tailing", chosen.map(\.name.rawValue))
        let left = Mutex<[TailRemainder]>([])
        let wasStopped = try await SignalRunner.run(engine.logger, onLimit: engine.abandonConnections) {
            let remainders = try await engine.tail(
                TailRequest(chosen, untilCaughtUp: untilCaughtUp, emitFrom: emitFrom?.position)
            )
            left.withLock { $0 = remainders }
        }
        guard wasStopped else { return }
        let remainders = left.withLock { $0 }
        if remainders.isEmpty { return engine.say("stopped; everything is committed", []) }
        for remainder in remainders {
            Console.error(
                remainder.isStopped
                    ? "\(Program.name): \(remainder.projection) is stopped, and not all of it is folded: \(remainder.error)"
                    : "\(Program.name): stopped before all of \(remainder.projection) was committed: \(remainder.error) — nothing is "
                        + "lost, the next start folds it again"
            )
        }
        // Waiting counts before stopped, since it resumes by itself.
        let codes = remainders.map { Failure($0.error).code }
        throw SilentExit(code: codes.contains(Failure.unavailable) ? Failure.unavailable : codes[0])
    }
}

extension Engine {
    fileprivate func say(_ message: String, _ projections: [String]) {
        logger.info(
            "\(message)",
            metadata: projections.isEmpty ? [:] : ["projections": "\(projections.joined(separator: ","))"]
        )
    }
}
