import Engine
import Refold
import Testing

@Suite("What the doctor says of what was found")
struct CheckTests {
    private func generation(
        _ number: GenerationNumber,
        _ role: GenerationStatus.Role,
        isCurrent: Bool = true,
        mebibytes: Int64 = 0,
        obstacle: String? = nil
    ) -> GenerationStatus {
        GenerationStatus(
            generation: number,
            projection: "shelf",
            role: role,
            isCurrent: isCurrent,
            bytes: mebibytes << 20,
            createdAt: Timestamp(microseconds: 0),
            obstacle: obstacle
        )
    }

    @Test("Too few free connections are a warning with both figures")
    func connections() {
        #expect(Check.connections(all: 100, free: 22, needed: 22).result == .passed)
        let few = Check.connections(all: 20, free: -1, needed: 22)
        #expect(few.result == .warning && few.found.hasPrefix("0 of max_connections = 20"))
    }

    @Test("Room is needed twice: for the tables and for the write-ahead log")
    func disk() {
        let generations = [generation(1, .kept, mebibytes: 50), generation(2, .live, mebibytes: 100)]
        #expect(Check.disk(for: generations, freeBytes: 201 << 20).result == .passed)
        #expect(Check.disk(for: generations, freeBytes: 200 << 20).result == .warning)
        let unknown = Check.disk(for: generations, freeBytes: nil)
        #expect(
            unknown.result == .warning && unknown.found.hasPrefix("generations take 150 MiB; a rebuild takes 100 MiB")
        )
        let half = generations + [generation(3, .building, mebibytes: 60)]
        #expect(Check.disk(for: half, freeBytes: 81 << 20).result == .passed)
    }

    @Test("Only live generations of other settings fail")
    func identity() {
        #expect(Check.identity(of: [generation(1, .kept, isCurrent: false), generation(2, .live)]).result == .passed)
        let other = Check.identity(of: [generation(2, .live, isCurrent: false)])
        #expect(other.result == .failed && other.remedy == "run refold rebuild shelf")
        #expect((other.error as? EngineError)?.code == .identityDiffers)
    }

    @Test("A retired generation is waited for, unless others depend on its tables")
    func retired() {
        #expect(Check.retired([generation(2, .live)]).result == .passed)
        let waiting = Check.retired([generation(1, .retired)])
        #expect(waiting.result == .warning && waiting.found.hasPrefix("1 could not be dropped yet"))
        let blocked = Check.retired([generation(1, .retired, obstacle: "a view"), generation(2, .retired)])
        #expect(blocked.found == "shelf generation 1: a view")
    }

    @Test("What is wrong with Redis first is the failure")
    func cache() {
        #expect(
            Check.cache(CacheCheck(version: "7", policy: "noeviction", memoryLimit: 0, memoryUsed: 0, problems: []))
                .result == .passed
        )
        let problems = [(problem: "it evicts", remedy: "set a policy"), (problem: "old", remedy: "upgrade")]
        let check = Check.cache(
            CacheCheck(version: "7", policy: "allkeys-lru", memoryLimit: 0, memoryUsed: 0, problems: problems)
        )
        #expect(check.result == .failed && check.found == "it evicts" && check.remedy == "set a policy")
    }
}
