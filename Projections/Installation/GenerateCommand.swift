import ArgumentParser
import Engine
import EventStore
import Postgres
import Refold
import RefoldCommandLine
import SampleLog

/// `refold generate`
struct GenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Append sample events: a deterministic log at once, or with --live concurrent writers.",
        discussion: "For trying things out; it appends to whatever the store holds."
    )

    @OptionGroup var shared: SharedOptions
    @Option(help: "How many events to append.") var events: Int?
    @Option(help: "How many viewing sessions to append after them, some thirty events each; live: to keep beating.")
    var sessions: Int?
    @Option(help: "How many users act in the log; a fiftieth of the events unless given.") var users: Int?
    @Option(help: "How many contents there are; a two-hundredth of the events unless given.") var contents: Int?
    @Option(help: "The seed of all ids and choices.") var seed: UInt64 = 1
    @Flag(help: "Append from concurrent transactions of varying length.") var live = false
    @Option(help: "Live: how many writers; 4 unless given.") var writers: Int?
    @Option(help: "Live: events a second of all writers together; as many as they can unless given.") var rate: Double?
    @Option(help: "Live: the share of transactions that are rolled back, 0 to 1.") var rollback: Double?
    @Option(name: .customLong("for"), help: "Live: how long, such as 10s; until interrupted unless given.")
    var time: TimeSpan?
    @Option(help: "Live: the longest time for which a transaction pauses, such as 5ms.") var transactionTime: TimeSpan?
    @Flag(help: "Print nothing but the result.") var quiet = false
    @Flag(help: "Print a JSON object.") var json = false

    func validate() throws {
        guard live || events != nil || sessions != nil else {
            throw ValidationError("--events is missing: how many to append")
        }
        guard !live || events == nil else { throw ValidationError("--events does not go with --live; use --for") }
        let onlyLive: [(String, Bool)] = [
            ("--writers", writers != nil), ("--rate", rate != nil), ("--rollback", rollback != nil),
            ("--for", time != nil), ("--transaction-time", transactionTime != nil),
        ]
        if !live, let (name, _) = onlyLive.first(where: \.1) { throw ValidationError("\(name) goes with --live") }
        try require(events ?? 0, in: 0...1_000_000_000, "--events")
        try require(sessions ?? 0, in: 0...1_000_000, "--sessions")
        try require(users ?? 1, in: 1...100_000_000, "--users")
        try require(contents ?? 1, in: 1...100_000_000, "--contents")
        try require(writers ?? 1, in: 1...1_000, "--writers")
        guard rate ?? 1 > 0, rate ?? 1 <= 1e7 else { throw ValidationError("--rate is \(rate ?? 0), not above 0") }
        guard (0...1).contains(rollback ?? 0) else {
            throw ValidationError("--rollback is \(rollback ?? 0), not from 0 to 1")
        }
        guard time.map({ $0.duration > .zero }) ?? true else { throw ValidationError("--for is not above zero") }
    }

    private func require(_ value: Int, in range: ClosedRange<Int>, _ name: String) throws {
        guard !range.contains(value) else { return }
        throw ValidationError("\(name) is \(value), not a number from \(range.lowerBound) to \(range.upperBound)")
    }

    func run() async throws {
        let engine = try shared.engine()
        let store = engine.settings.store
        if live { try await append(to: store, engine) } else { try await load(into: store, engine) }
    }

    private func load(into store: EventStoreSettings, _ engine: Engine) async throws {
        let log = SampleLog(
            events: events ?? 0,
            users: users,
            contents: contents,
            sessions: sessions ?? 0,
            seed: seed
        )
        let (isShown, total) = (!quiet && Console.errorIsTerminal, log.events)
        let started = ContinuousClock.now
        let summary = try await engine.withConnection(for: "generate") { connection in
            try await SampleLoader(into: store).load(log, on: connection) { sent in
                if isShown {
                    let most = max(sent, total)
                    Console.show(bar: "generating: \(Format.grouped(Int64(sent))) of \(Format.grouped(Int64(most)))")
                }
            }
        }
        Console.show(bar: "")
        let time = ContinuousClock.now - started
        if json {
            let result: JSON = [
                "appended": .integer(Int64(summary.events)), "after": .integer(summary.after.rawValue),
                "last": .integer(summary.last.rawValue), "seconds": .optional(time / .seconds(1)),
            ]
            Console.out(json: result)
        } else {
            Console.out(
                "Appended \(Format.grouped(Int64(summary.events))) events in \(Format.time(time)); "
                    + "the newest position is \(Format.grouped(summary.last.rawValue))."
            )
        }
    }

    private func append(to store: EventStoreSettings, _ engine: Engine) async throws {
        let live = LiveWriters(
            writers: writers ?? 4,
            rate: rate,
            rollback: rollback ?? 0,
            transactionTime: transactionTime?.duration ?? .milliseconds(20),
            duration: time?.duration,
            users: users ?? 20_000,
            contents: contents ?? 5_000,
            sessions: sessions ?? 0,
            seed: seed,
            into: store
        )
        let (json, started) = (json, ContinuousClock.now)
        try await SignalRunner.run(
            engine.logger,
            unfinished: "what is not committed is rolled back",
            onLimit: engine.abandonConnections
        ) {
            let counts = try await live.run(connect: { try await engine.connect(for: "generate") })
            let time = ContinuousClock.now - started
            if json {
                let result: JSON = [
                    "appended": .integer(Int64(counts.appended)), "rolled_back": .integer(Int64(counts.discarded)),
                    "transactions": .integer(Int64(counts.committed)),
                    "transactions_rolled_back": .integer(Int64(counts.rolledBack)),
                    "transactions_refused": .integer(Int64(counts.refused)), "seconds": .optional(time / .seconds(1)),
                ]
                Console.out(json: result)
            } else {
                Console.out(
                    "Appended \(Format.grouped(Int64(counts.appended))) events and rolled "
                        + "\(Format.grouped(Int64(counts.discarded))) back in \(Format.time(time))."
                )
            }
        }
    }
}
