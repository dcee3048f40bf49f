internal import ArgumentParser
internal import Foundation

/// The program behind `ops/bench`.
@main
struct Benchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ops/bench",
        abstract: "Measures Refold on the private servers and prints one table.",
        discussion: """
            The table says beside each figure what is measured. The measurements take turns, so that a disturbance \
            hits all of them. Exit code 0: everything was measured and every result is right, however slow; 65: some \
            result is wrong; else something failed.
            """
    )

    @Option(help: "The size of the log.") var events = 1_000_000
    @Option(help: "How often each figure is measured; the median counts.") var runs = 3
    @Option(
        defaultAsFlag: 0,
        help: """
            Also rebuild a log of this size (by itself five times the other), once as it is and once with a budget of \
            128 MiB; takes minutes and a few GiB of disk.
            """
    )
    var large: Int?
    @Option(help: "For how many seconds the tail's latency is observed (default 20; 5 for logs below 200,000 events).")
    var live: Int?
    @Flag(help: "Leave the logs in place for the next call.") var keep = false

    func validate() throws {
        for (name, value) in [("events", events), ("runs", runs), ("live", live ?? 1)] where value < 1 {
            throw ValidationError("--\(name) takes a positive number, not \(value)")
        }
        if let large, large < 0 { throw ValidationError("--large takes a positive number, not \(large)") }
    }

    func run() async throws {
        let plan = Plan(
            events: events,
            runs: runs,
            large: large.map { $0 == 0 ? events * 5 : $0 },
            live: .seconds(live ?? (events < 200_000 ? 5 : 20))
        )
        let results: Results
        do {
            let workplace = try Workplace()
            defer { workplace.remove() }
            let signals = Interruption.watch(workplace)
            defer { signals.forEach { $0.cancel() } }
            if let busy = try Machine.busyShare(), busy > 15 {
                say("Note: other programs use \(busy) % of this machine; times will be too long.")
            }
            let measuring = try Measuring(plan, workplace)
            results = try await measuring.run()
            try await Report(plan, results, workplace).print()
            if !keep { try await measuring.dropLogs() }
        } catch {
            say("ops/bench: \(error)")
            throw ExitCode(70)
        }
        guard results.wrong.isEmpty else {
            print("\n" + results.wrong.map { "WRONG: \($0)." }.joined(separator: "\n"))
            throw ExitCode(65)
        }
        print(
            "\nAll results agree: json, jsonb and tail byte for byte, and with the set-based SQL within 1e-9."
        )
    }
}

/// How much is measured.
struct Plan {
    let events: Int
    let runs: Int
    /// The size of the large log, when there is to be one.
    let large: Int?
    let live: Duration

    /// How many of the events are imported.
    var imported: Int { min(events, 200_000) }
    /// For how long appends are counted.
    var appending: Duration { .seconds(events < 200_000 ? 1 : 5) }
    /// How long it takes until as many viewing sessions end as begin.
    var sessionsWarmUp: Duration { .seconds(events < 200_000 ? 3 : 15) }
    /// For how long the tail is observed beside writers at full speed.
    var fullSpeed: Duration { .seconds(events < 200_000 ? 3 : 10) }
}

/// A line for the person who watches; results go to standard output, this does not.
func say(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}

/// An error that ends the benchmark.
struct Failure: Error, CustomStringConvertible {
    let description: String
}
