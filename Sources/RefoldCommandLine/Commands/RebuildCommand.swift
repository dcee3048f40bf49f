internal import ArgumentParser
internal import Engine
internal import Logging
internal import Refold

/// `refold rebuild`
struct RebuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Fold read models anew from the whole log, then switch over; the old ones serve meanwhile.",
        discussion: "An interrupted rebuild resumes where it stopped. All projections unless some are named."
    )

    @OptionGroup var shared: SharedOptions
    @Argument(help: "The projections.") var projections: [String] = []
    @Flag(help: "Start over, even where a half-built generation could be resumed.") var fresh = false
    @Flag(help: "Go ahead although the oldest events that the live model was folded from are gone.")
    var acceptShortenedLog = false
    @Flag(help: "Drop the half-built generations and do nothing else.") var abandon = false
    @Option(help: "Stop at this position and leave the generations half-built.") var until: Int64?
    @Option(help: EmitStart.help) var emitFrom: EmitStart?
    @Flag(help: "Print what would be read, built and dropped, and do nothing.") var dryRun = false
    @Flag(help: "Print nothing when all goes well, one line otherwise.") var quiet = false
    @Flag(help: "Print a JSON object.") var json = false

    func validate() throws {
        if let until, until < 0 { throw ValidationError("--until is \(until), which is not a position") }
        if abandon && (fresh || until != nil || dryRun || emitFrom != nil) {
            throw ValidationError("--abandon goes with none of --fresh, --until, --emit-from and --dry-run")
        }
    }

    func run() async throws {
        let engine = try shared.engine(logging: quiet ? .critical : .warning)
        let chosen = try engine.projections(named: projections)
        if emitFrom != nil { try EmitStart.requireEmitter(among: chosen) }
        if abandon {
            let abandoned = try await SignalRunner.result(of: engine, unfinished: "run the command again") {
                try await engine.abandon(chosen)
            }
            return report(abandoned: abandoned)
        }
        if dryRun {
            let plan = try await engine.dryRun(chosen, fresh: fresh)
            return json ? Console.out(json: plan.json) : Console.out(lines: plan.lines)
        }
        let progress = RebuildProgressView(isShown: !quiet, projections: chosen.count)
        let outcomes: [RebuildOutcome]
        do {
            let request = RebuildRequest(
                chosen,
                fresh: fresh,
                until: until.map { GlobalPosition($0) },
                acceptsShortenedLog: acceptShortenedLog,
                emitFrom: emitFrom?.position
            )
            outcomes = try await SignalRunner.result(
                of: engine,
                unfinished: "the live models keep serving, and the next rebuild resumes from the last commit"
            ) {
                try await engine.rebuild(request, progress: progress.update)
            }
        } catch {
            progress.finish()
            throw error
        }
        progress.finish()
        report(outcomes)
        try Failure.throwWorst(of: outcomes.compactMap(\.error), asOneLine: quiet)
    }

    private func report(_ outcomes: [RebuildOutcome]) {
        if json {
            let result: JSON = ["projections": .array(outcomes.map(\.json))]
            Console.out(json: result)
        } else if !quiet {
            var table = TextTable(["projection", "generation", "events", "time", "rate", "state"])
            for outcome in outcomes { table.append(outcome.cells) }
            Console.out(lines: table.lines)
        }
    }

    private func report(abandoned: [GenerationNumber]) {
        if json {
            let result: JSON = ["abandoned": .array(abandoned.map { .integer($0.rawValue) })]
            Console.out(json: result)
        } else if !quiet {
            let list = abandoned.map { "\($0)" }.joined(separator: ", ")
            Console.out(abandoned.isEmpty ? "Nothing was half-built." : "Dropped the half-built generations \(list).")
        }
    }
}

extension RebuildOutcome {
    private var seconds: Double { duration / .seconds(1) }
    private var rate: Double? { seconds > 0 ? Double(passed) / seconds : nil }

    fileprivate var json: JSON {
        [
            "name": .text(projection.rawValue), "generation": .optional(generation?.rawValue),
            "position": .integer(position.rawValue), "events": .integer(passed), "seconds": .optional(seconds),
            "events_per_second": .optional(rate), "state": .text(state.rawValue),
            "error": .optional(error.map { Failure($0).line ?? "\($0)" }),
        ]
    }

    fileprivate var cells: [String] {
        [
            projection.rawValue, generation.map { "\($0)" } ?? "–", Format.grouped(passed), Format.time(duration),
            rate.map { Format.rate($0) } ?? "–", state.rawValue,
        ]
    }
}
