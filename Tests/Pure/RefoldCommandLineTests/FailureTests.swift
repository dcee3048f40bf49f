import Engine
import EventStore
import HotCache
import Postgres
import Redis
import RefoldCommandLine
import Testing

@Suite("Errors and exit codes")
struct FailureTests {
    private func postgres(_ code: PostgresError.Code, _ state: String? = nil) -> PostgresError {
        var error = PostgresError(code, operation: "query", message: "it did not\nwork", address: "db.example:5432")
        error.sqlState = state.map { SQLState($0) }
        return error
    }

    @Test("Usage is 64, configuration 78")
    func usageAndConfiguration() {
        #expect(Failure(UsageError("what", remedy: "how")).code == 64)
        #expect(Failure(SettingError("what", remedy: "how")).line == "refold: what — how")
        #expect(Failure(SettingError("what", remedy: "how")).code == 78)
        #expect(Failure(postgres(.configuration)).code == 78)
    }

    @Test(
        "The database's errors by what the caller must decide",
        arguments: [
            (PostgresError.Code.connectionFailed, nil, 69), (.connectionFailed, "08006", 69),
            (.connectionFailed, "57P03", 69),
            (.connectionFailed, "28P01", 78), (.connectionFailed, "3D000", 78), (.connectionLost, "57P01", 69),
            (.server, "42P01", 78), (.server, "3F000", 78), (.server, "42501", 78), (.server, "53100", 69),
            (.server, "40001", 69), (.server, "40P01", 69), (.server, "55P03", 69), (.server, "53300", 69),
            (.server, "25006", 69), (.server, "57014", 69), (.server, "58030", 69), (.server, "54000", 65),
            (.server, "22003", 65), (.server, "23505", 65),
            (.server, "42601", 70), (.cancelled, nil, 69),
        ] as [(PostgresError.Code, String?, Int32)]
    )
    func database(code: PostgresError.Code, state: String?, expected: Int32) {
        let failure = Failure(postgres(code, state))
        #expect(failure.code == expected, "\(failure)")
        #expect(failure.line?.contains("\n") == false)
        #expect(failure.line?.hasPrefix("refold: ") == true)
    }

    @Test("An unreachable server is named with its address and what to do")
    func unreachable() throws {
        let line = try #require(Failure(postgres(.connectionFailed)).line)
        #expect(line.contains("db.example:5432") && line.contains("REFOLD_DATABASE_URL"))
    }

    @Test("A store that cannot be adopted is configuration, another log is data, and a cause counts for itself")
    func store() {
        let standby = EventStoreError(.inRecovery, "a standby", remedy: "connect to the primary")
        #expect(Failure(standby).code == 78)
        #expect(Failure(EventStoreError(.sequenceCached, "cached")).code == 78)
        #expect(Failure(EventStoreError(.logShrank, "shrank")).code == 65)
        #expect(Failure(EventStoreError(.otherLog, "other")).code == 65)
        #expect(Failure(EventStoreError(.storeChanged, "changed")).code == 69)
        #expect(Failure(EventStoreError(.lateEvent, "late")).code == 65)
        let lost = EventStoreError(.database, "reading failed", cause: postgres(.connectionLost))
        #expect(Failure(lost).code == 69)
    }

    @Test("Redis: an address that cannot work is configuration, a server that is away is 69")
    func redis() {
        func code(_ code: RedisError.Code) -> Int32 {
            Failure(RedisError(code, operation: "PING", address: "host:6379", message: "no")).code
        }
        #expect(code(.unsupported) == 78)
        #expect(code(.invalidURL) == 78)
        #expect(code(.authenticationFailed) == 78)
        #expect(code(.connectionFailed) == 69)
        #expect(code(.timedOut) == 69)
        #expect(code(.reply("OOM")) == 69)
    }

    @Test("Of several failures the one that trying again does not help is the exit code")
    func several() {
        let again = Failure(EventStoreError(.importUnderWay, "under way"))
        let away = Failure(postgres(.connectionFailed))
        let data = Failure(EventStoreError(.logShrank, "shrank"))
        #expect(Failure.worst(of: [again, data, away]) == data)
        #expect(Failure.worst(of: [again, away]) == away)
        #expect(Failure.worst(of: []) == nil)
    }

    @Test("An interrupted command can be run again")
    func interrupted() {
        #expect(Failure(CancellationError()).code == 69)
    }

    @Test("A cache that refuses writes is unavailable, and says why; another owner is in the way")
    func cache() {
        for code in ["OOM", "READONLY", "NOREPLICAS"] {
            let failure = Failure(CacheFailure.refused(RedisReplyError(line: "\(code) not allowed")))
            #expect(failure.code == 69)
            #expect(failure.line?.contains("\(code) not allowed") == true)
        }
        #expect(Failure(CacheFailure.unfit).code == 69)
        #expect(Failure(LeaseLost()).code == 75)
    }

    @Test("75 is what somebody else has, and nothing that lasts")
    func takenByOther() {
        for code in [EngineError.Code.owned, .pointerMoved, .fenced] {
            #expect(Failure.code(of: code) == 75)
        }
        for code in [EngineError.Code.unsettled, .locked, .notPointed] {
            #expect(Failure.code(of: code) == 69)
        }
        #expect(Failure(EventStoreError(.wrongExpectedVersion, "moved on")).code == 75)
        #expect(Failure(EventStoreError(.importUnderWay, "under way")).code == 75)
    }

    @Test("What lasted beyond the retries says what to do about it")
    func remedies() {
        #expect(Failure(postgres(.server, "53100")).line?.contains("make room on the server's disk") == true)
        #expect(Failure(postgres(.server, "53300")).line?.contains("max_connections") == true)
        #expect(Failure(postgres(.server, "40P01")).line?.contains("pg_locks") == true)
    }

    @Test("Work that was cut off by the time limit after a signal is 69, and says what becomes of it")
    func cutOff() {
        let failure = Failure(CutOff(unfinished: "it is folded again"))
        #expect(failure.code == 69)
        #expect(failure.line == "refold: stopped with work still under way after five seconds — it is folded again")
    }
}
