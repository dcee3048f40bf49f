import Engine
import Postgres
import Refold
import Synchronization
import TestProjections
import TestSupport
import Testing

@Suite("Committing windows")
struct WindowCommitterTests {
    private let projection = EveryType([
        1: { types, rows in try rows.findOrInsert(types.numbered, 1)[types.note] = "first" },
        2: { types, rows in try rows.findOrInsert(types.numbered, 1)[types.note] = "second" },
    ])

    /// What was reported, in order.
    private final class Reports: Sendable {
        private let all = Mutex<[String]>([])
        var texts: [String] { all.withLock { $0 } }

        func take(_ report: WindowCommitter.Report) {
            all.withLock { all in
                switch report {
                case .committed(let position): all.append("committed through \(position)")
                case .failed(let error):
                    all.append((error as? EngineError)?.code == .fenced ? "fenced" : "failed: \(error)")
                }
            }
        }
    }

    /// Lends a settled generation's writer and the windows of two events.
    private func withWindows(
        _ body: (TestInstallation, GenerationWriter, CommitWindow, CommitWindow) async throws -> Void
    ) async throws {
        try await TestInstallation.with(projection) { installation in
            let generation = try await installation.addSettled(projection)
            let writer = try await installation.writer(generation, of: projection)
            let memory = EveryRow(projection.model)
            memory.apply(projection, at: 1)
            let first = CommitWindow.from(0, to: 1, memory.replacements(writer.tables))
            memory.apply(projection, at: 2)
            try await body(installation, writer, first, .from(1, to: 2, memory.replacements(writer.tables)))
            await writer.connection.close()
        }
    }

    @Test("Windows of a generation commit one after the other, and each is reported")
    func order() async throws {
        try await withWindows { installation, writer, first, second in
            let (committer, reports) = (WindowCommitter(), Reports())
            try await committer.schedule(first, by: writer) { reports.take($0) }
            try await committer.schedule(second, by: writer) { reports.take($0) }
            #expect(reports.texts.first == "committed through 1", "the first has ended before the second begins")
            try await committer.finish(writer.generation.number)
            #expect(reports.texts == ["committed through 1", "committed through 2"])
            #expect(try await CheckpointStore(installation.connection).position(of: writer.generation.number) == 2)
            try await committer.finish(writer.generation.number)
        }
    }

    @Test("A failure is reported, and thrown once to whoever waits; the window after it is not begun")
    func failure() async throws {
        try await withWindows { installation, writer, first, second in
            let (committer, reports) = (WindowCommitter(), Reports())
            try await committer.schedule(second, by: writer) { reports.take($0) }
            let error = await #expect(throws: EngineError.self) {
                try await committer.schedule(first, by: writer) { reports.take($0) }
            }
            #expect(error?.code == .fenced && reports.texts == ["fenced"])
            try await committer.finish(writer.generation.number)
            #expect(try await CheckpointStore(installation.connection).position(of: writer.generation.number) == 0)
        }
    }

    @Test("One generation's window does not wait for another's")
    func independent() async throws {
        try await withWindows { installation, writer, first, _ in
            let committer = WindowCommitter()
            let other = try await installation.writer(try await installation.addSettled(projection), of: projection)
            // Whoever has the checkpoint locked keeps the first one waiting.
            try await installation.connection.execute("BEGIN")
            _ = try await installation.connection.query(
                "SELECT FROM refold.checkpoints WHERE generation = $1 FOR UPDATE",
                [.int64(writer.generation.number.rawValue)]
            )
            try await committer.schedule(first, by: writer) { _ in }
            try await committer.commit(.from(0, to: 1, .replacements([])), by: other)
            let observer = try await installation.database.connect()
            #expect(try await CheckpointStore(observer).position(of: other.generation.number) == 1)
            #expect(try await CheckpointStore(observer).position(of: writer.generation.number) == 0)
            try await installation.connection.execute("ROLLBACK")
            try await committer.finish(writer.generation.number)
            #expect(try await CheckpointStore(observer).position(of: writer.generation.number) == 1)
            await observer.close()
            await other.connection.close()
        }
    }
}
