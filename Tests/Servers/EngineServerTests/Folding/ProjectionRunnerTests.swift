import Engine
import EventStore
import Logging
import Postgres
import Refold
import TestProjections
import TestSupport
import Testing
import Timing

/// A runner over a generation of its own; its blocks come from the test.
@Suite("A runner")
struct ProjectionRunnerTests {
    private struct Refusal: Error {}

    /// Events set the note of row 1, the third one to what it was and more; the fourth one is refused.
    private let projection = EveryType([
        1: { types, rows in try rows.findOrInsert(types.numbered, 1)[types.note] = "one" },
        2: { types, rows in try rows.findOrInsert(types.numbered, 1)[types.note] = "two" },
        3: { types, rows in
            guard let row = try rows.find(types.numbered, 1), let note = row[types.note] else { throw Refusal() }
            row[types.note] = Text("\(note) and three")
        },
        4: { types, rows in throw Refusal() },
    ])

    private struct Opened {
        let installation: TestInstallation
        let runner: ProjectionRunner
        let clock: TestClock
        let table: String

        func checkpoint() async throws -> GlobalPosition {
            try await CheckpointStore(installation.connection).position(of: runner.generation.number)
        }

        func note() async throws -> String? { try await installation.value("SELECT note FROM \(table)") }
    }

    private func runner(
        _ generation: Generation,
        in installation: TestInstallation,
        _ clock: TestClock,
        refusals: RefusalPolicy = .stop
    ) async throws -> ProjectionRunner {
        let writer = try await installation.writer(generation, of: projection)
        let budget = MemoryBudget(limit: 64 << 20)
        return ProjectionRunner(
            projection,
            writer,
            try await .load(projection.model, over: writer, budget, nil),
            refusals: refusals,
            options: RunnerOptions(
                limits: WindowLimits(EngineSettings(), bisection: FaultBisection()),
                budget: budget,
                committer: WindowCommitter()
            ),
            time: TimeSource(clock),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func with(_ phase: GenerationPhase = .settled, _ body: (Opened) async throws -> Void) async throws {
        try await TestInstallation.with(projection) { installation in
            let generation =
                switch phase {
                case .settled: try await installation.addSettled(projection)
                case .memory:
                    try await installation.transaction { [projection] connection in
                        try await GenerationStore(connection).add(
                            of: projection,
                            identity: "",
                            phase: .memory,
                            target: nil
                        )
                    }
                }
            let clock = TestClock()
            let runner = try await runner(generation, in: installation, clock)
            let table = runner.writer.tables[2].quotedName
            try await body(Opened(installation: installation, runner: runner, clock: clock, table: table))
            await runner.release()
        }
    }

    @Test("A block that ends at the mark is committed")
    func head() async throws {
        try await with { opened in
            try await opened.runner.take(.block(after: 0, through: 2, mark: 2), moreIsWaiting: false)
            try await opened.runner.flush()
            #expect(try await opened.checkpoint() == 2)
            #expect(try await opened.note() == "two")
            #expect(opened.runner.progress.committedPosition == 2)
        }
    }

    @Test("Below the mark a window is committed when its time is over")
    func time() async throws {
        try await with(.memory) { opened in
            try await opened.runner.take(.block(after: 0, through: 1), moreIsWaiting: true)
            #expect(opened.runner.progress.foldedPosition == 1)
            opened.clock.advance(by: .seconds(9))
            try await opened.runner.take(.block(after: 1, through: 2), moreIsWaiting: true)
            #expect(opened.runner.progress.committedPosition == 0)
            #expect(try await opened.checkpoint() == 0)
            opened.clock.advance(by: .seconds(1))
            // The time is looked at after each batch.
            try await opened.runner.take(.block(after: 2, through: 3), moreIsWaiting: true)
            try await wait(for: "the window to commit") { try await opened.checkpoint() == 3 }
        }
    }

    @Test("A block that leaves something out is refused")
    func gap() async throws {
        try await with { opened in
            let error = await #expect(throws: EngineError.self) {
                try await opened.runner.take(.block(after: 1, through: 2), moreIsWaiting: false)
            }
            #expect(error?.code == .gap)
        }
    }

    @Test("What it has already is passed over")
    func overlap() async throws {
        try await with { opened in
            try await opened.runner.take(.block(after: 0, through: 1), moreIsWaiting: true)
            try await opened.runner.take(.block(after: 0, through: 2, mark: 2), moreIsWaiting: false)
            try await opened.runner.flush()
            #expect(try await opened.note() == "two")
            #expect(
                try await opened.installation.value("SELECT events::text FROM refold.checkpoints") == "2",
                "each event counts once"
            )
        }
    }

    @Test("What comes before a refused event is committed, and the error names the event")
    func refused() async throws {
        try await with { opened in
            let error = await #expect(throws: EngineError.self) {
                try await opened.runner.take(.block(after: 0, through: 4), moreIsWaiting: true)
            }
            #expect(error?.code == .stopped && error?.position == 4)
            let checkpoint = try await opened.checkpoint()
            #expect(checkpoint == 3)
            #expect(try await opened.note() == "two and three")
        }
    }

    @Test("A generation that was built in memory goes on with its newest versions, and is settled with them")
    func resumed() async throws {
        try await with(.memory) { opened in
            let first = opened.runner
            try await first.take(.block(after: 0, through: 2), moreIsWaiting: true)
            try await first.flush()
            await first.release()
            let second = try await runner(first.generation, in: opened.installation, opened.clock)
            #expect(second.progress.committedPosition == 2)
            try await second.take(.block(after: 2, through: 3), moreIsWaiting: true)
            try await second.settle()
            #expect(try await opened.note() == "two and three")
            await second.release()
        }
    }

    @Test("A row that is missed is loaded")
    func missing() async throws {
        try await with { opened in
            let first = opened.runner
            try await first.take(.block(after: 0, through: 2, mark: 2), moreIsWaiting: false)
            try await first.flush()
            await first.release()
            let second = try await runner(first.generation, in: opened.installation, opened.clock)
            try await second.take(.block(after: 2, through: 3), moreIsWaiting: true)
            try await second.flush()
            #expect(try await opened.note() == "two and three")
            await second.release()
        }
    }

    @Test("A commit that fails ends it at once, although no block comes")
    func failed() async throws {
        try await with { opened in
            try await opened.installation.connection.execute("UPDATE refold.checkpoints SET fencing_value = 0")
            let inbox = Inbox()
            _ = await inbox.send(.block(after: 0, through: 2, mark: 2))
            let error = await #expect(throws: EngineError.self) { try await opened.runner.takeBlocks(from: inbox) }
            #expect(error?.code == .fenced)
            #expect(try await opened.checkpoint() == 0)
        }
    }
}
