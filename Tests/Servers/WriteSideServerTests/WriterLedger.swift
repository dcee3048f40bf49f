import Postgres
import Synchronization
import Testing
import WriteSimulation

/// What writers reported, to be held against what the store has.
final class WriterLedger: Sendable {
    private let reports = Mutex<[WriterReport]>([])

    func note(_ report: WriterReport) {
        reports.withLock { $0.append(report) }
    }

    /// How many of them there are of a kind.
    func count(_ isCounted: (WriterReport) -> Bool) -> Int {
        reports.withLock { $0.filter(isCounted).count }
    }

    /// Expects the store to have, of every decision, what its writer knows: all that was acknowledged exactly once and
    /// where it was said to be, nothing that was refused, and of all others everything or nothing.
    ///
    /// - Parameter seed: named by what fails.
    func expectKept(in log: WrittenLog, seed: UInt64, sourceLocation: SourceLocation = #_sourceLocation) {
        var decided: [String: Set<Int>] = [:]
        var acknowledged: [String: [Int64]] = [:]
        var refused: [String: String] = [:]
        for report in reports.withLock({ $0 }) {
            switch report {
            case .decided(let id, let events): decided[id, default: []].insert(events)
            case .acknowledged(let id, let positions): acknowledged[id] = positions
            case .refused(let id, let reason): refused[id] = reason
            case .unknown: break
            }
        }
        let written = log.byCorrelation
        var wrong: [String] = []
        for (id, positions) in acknowledged where written[id, default: []].map(\.position) != positions {
            wrong.append("\(id) was acknowledged at \(positions) and is at \(written[id, default: []].map(\.position))")
        }
        for (id, reason) in refused where written[id] != nil {
            wrong.append("\(id) was refused because \(reason), and is there")
        }
        for (id, entries) in written {
            if !decided[id, default: []].contains(entries.count) {
                wrong.append("\(id) is there with \(entries.count) events, of \(decided[id, default: []])")
            }
            let first = entries[0]
            for (index, entry) in entries.enumerated()
            where entry.stream != first.stream || entry.version != first.version + Int64(index) {
                wrong.append("\(id) is torn apart: \(entries)")
                break
            }
        }
        #expect(
            wrong.isEmpty,
            "seed \(seed): \(wrong.prefix(5).joined(separator: "\n"))",
            sourceLocation: sourceLocation
        )
    }
}

/// Expects the versions of every stream to be 1, 2, 3, …, and the table of streams to know the last.
func expectGapless(
    _ log: WrittenLog,
    _ connection: PostgresConnection,
    seed: UInt64,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    for (stream, entries) in log.byStream {
        let versions = entries.map(\.version)
        let isGapless = versions == Array(1...Int64(entries.count))
        #expect(isGapless, "seed \(seed): \(stream) has \(versions)", sourceLocation: sourceLocation)
        let positions = entries.map(\.position)
        #expect(positions == positions.sorted(), "seed \(seed): \(stream)", sourceLocation: sourceLocation)
        let known = try await connection.query(
            "SELECT version::bigint FROM streams WHERE stream_id = $1",
            [.text(stream)]
        )
        #expect(
            try known.int64(0, 0) == Int64(entries.count),
            "seed \(seed): \(stream)",
            sourceLocation: sourceLocation
        )
    }
    #expect(!log.entries.isEmpty, "seed \(seed): nothing was compared", sourceLocation: sourceLocation)
}
