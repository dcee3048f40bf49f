import AggregateStore
import BankingDomain
import Glibc
import Postgres
import Refold
import TestSupport
import Testing
import WriteSimulation

@Suite("A writer that is killed", .serialized)
struct KilledWriterTests {
    private func migrate(_ url: String) async throws {
        let outcome = try await RefoldProcess.run(["migrate"], environment: ["REFOLD_DATABASE_URL": url])
        try #require(outcome.code == 0, "\(outcome)")
    }

    /// Notes what a writer said; a line that it was killed in the middle of says nothing.
    private func note(_ output: String, in ledger: WriterLedger) {
        for line in output.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            WriterReport(line: line).map { ledger.note($0) }
        }
    }

    @Test("leaves all of a decision or nothing, whenever that is, and all that it acknowledged")
    func atAnyTime() async throws {
        let seed = UInt64.random(in: .min ... .max)
        try await TestDatabase.with { database in
            try await migrate(database.url)
            let connection = try await database.connect()
            let ledger = WriterLedger()
            var generator = SeededGenerator(seed: seed)
            let ids = ["1", "2"]
            for round in 0..<25 {
                // Two at a time, so that conflicts are killed too.
                let names = ["r\(round)a", "r\(round)b"]
                let started = try names.map { name in
                    try ChildProcess.start(
                        [RefoldProcess.beside("TestWriter"), database.url, name, "\(generator.next())"] + ids
                    )
                }
                let wanted = Int.random(in: 1...60, using: &generator)
                let delay = Int.random(in: 0...3_000, using: &generator)
                do {
                    try await wait(for: "\(wanted) lines, seed \(seed)") {
                        started.reduce(0) { $0 + $1.output.utf8.count { $0 == UInt8(ascii: "\n") } } >= wanted
                    }
                    try await Task.sleep(for: .microseconds(delay))
                } catch {
                    for process in started { await process.discard() }
                    throw error
                }
                for process in started { await process.send(SIGKILL) }
                for process in started {
                    let outcome = try await process.outcome()
                    #expect(outcome.code == -SIGKILL, "\(outcome)")
                    note(outcome.output, in: ledger)
                    await process.discard()
                }
            }
            try await expectNothingHalfWritten(database, connection, ledger, seed: seed)
            let acknowledged = ledger.count { if case .acknowledged = $0 { true } else { false } }
            #expect(acknowledged > 30, "seed \(seed): little was written")
        }
    }

    /// Where a writer is blocked: a lock that it has to wait for while it changes that table.
    private static let places = ["streams", "events", "refold.snapshots"]

    @Test("leaves all of a decision or nothing, at every statement it makes", arguments: places)
    func atEveryStatement(place: String) async throws {
        let seed: UInt64 = 7
        try await TestDatabase.with { database in
            try await migrate(database.url)
            let connection = try await database.connect()
            let gate = try await database.connect()
            let ledger = WriterLedger()
            try await connection.executeScript(
                """
                CREATE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    PERFORM pg_advisory_xact_lock_shared(4711);
                    RETURN NULL;
                END $$;
                CREATE TRIGGER stand_still AFTER INSERT OR UPDATE ON \(place)
                FOR EACH ROW EXECUTE FUNCTION stand_still();
                """
            )
            for round in 0..<6 {
                try await ChildProcess.with(
                    [RefoldProcess.beside("TestWriter"), database.url, "p\(round)", "\(round)", "1", "2"]
                ) { writer in
                    try await wait(for: "something written") { writer.output.contains("acknowledged") }
                    try await gate.executeScript("SELECT pg_advisory_lock(4711)")
                    try await wait(for: "the writer to be blocked") {
                        try await connection.query(
                            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"
                        ).count == 1
                    }
                    await writer.send(SIGKILL)
                    let outcome = try await writer.outcome()
                    note(outcome.output, in: ledger)
                    // The server notices by itself, and lets go of everything that the writer held.
                    try await wait(for: "the server to notice") {
                        try await connection.query(
                            "SELECT FROM pg_stat_activity WHERE application_name = 'simulated writer'"
                        ).isEmpty
                    }
                    try await gate.executeScript("SELECT pg_advisory_unlock(4711)")
                }
            }
            try await connection.executeScript("DROP TRIGGER stand_still ON \(place)")
            try await expectNothingHalfWritten(database, connection, ledger, seed: seed)
        }
    }

    /// Expects a log of whole decisions, and that the next writer finds nothing in its way.
    private func expectNothingHalfWritten(
        _ database: TestDatabase,
        _ connection: PostgresConnection,
        _ ledger: WriterLedger,
        seed: UInt64
    ) async throws {
        try await wait(for: "the server to notice that the writers are gone") {
            try await connection.query("SELECT FROM pg_stat_activity WHERE application_name = 'simulated writer'")
                .isEmpty
        }
        let log = try await WrittenLog(connection)
        try await expectGapless(log, connection, seed: seed)
        ledger.expectKept(in: log, seed: seed)
        for id in ["1", "2"] {
            let upcasters = Upcasters(Upcaster.banking)
            let folded = try await Repository<BankAccount>(connection, upcasters: upcasters, snapshots: .never).load(id)
            let quick = Repository<BankAccount>(connection, upcasters: upcasters)
            let loaded = try await quick.load(id)
            #expect("\(folded.aggregate)" == "\(loaded.aggregate)", "seed \(seed)")
            let next = try await quick.execute(id) { account in
                account.isClosed ? [] : try account.isOpened ? account.deposit(1) : account.open(at: .epoch)
            }
            #expect(next.attempts == 1, "seed \(seed)")
        }
    }
}
