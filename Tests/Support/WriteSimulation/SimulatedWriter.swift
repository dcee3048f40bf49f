internal import AggregateStore
internal import Aggregates
internal import EventStore
internal import Postgres
public import Refold
internal import Synchronization
internal import TestSupport

/// One of many who write to few streams: it decides at random, tries again after conflicts, and connects anew when its
/// connection is ended.
public struct SimulatedWriter<D: SimulatedDecision>: Sendable {
    private let url: String
    private let name: String
    private let ids: [String]
    private let upcasters: Upcasters

    /// - Parameters:
    ///   - url: the store's database.
    ///   - name: the writer's; what it writes has correlation ids that begin with it.
    ///   - ids: of the aggregates it writes to.
    public init(url: String, name: String, ids: [String], upcasters: Upcasters = Upcasters()) {
        self.url = url
        self.name = name
        self.ids = ids
        self.upcasters = upcasters
    }

    /// Makes decisions one after the other, and reports what becomes of each.
    public func run(
        decisions: Int,
        seed: UInt64,
        _ report: @escaping @Sendable (WriterReport) -> Void
    ) async throws {
        var generator = SeededGenerator(seed: seed)
        var connection: PostgresConnection?
        for number in 0..<decisions {
            let id = generator.pick(ids)
            let decision = D(using: &generator)
            let snapshots: SnapshotPolicy = generator.once(in: 3) ? .never : .every(7)
            let correlation = "\(name)-\(number)"
            let isUsable = await connection?.isUsable ?? false
            let current = isUsable ? connection : nil
            let open: PostgresConnection
            do {
                open = if let current { current } else { try await connect() }
            } catch {
                // Ended while it was being made.
                continue
            }
            connection = open
            let repository = Repository<D.Decider>(
                open,
                upcasters: upcasters,
                snapshots: snapshots,
                retries: ConflictRetries(attempts: 4, firstWait: .milliseconds(2))
            )
            report(await Self.outcome(of: decision, id, correlation, repository, report))
        }
        await connection?.close()
    }

    private func connect() async throws -> PostgresConnection {
        try await PostgresConnection.connect(to: url, PostgresOptions(applicationName: "simulated writer"))
    }

    private static func outcome(
        of decision: D,
        _ id: String,
        _ correlation: String,
        _ repository: Repository<D.Decider>,
        _ report: @escaping @Sendable (WriterReport) -> Void
    ) async -> WriterReport {
        do {
            let saved = try await repository.execute(id, DecisionContext(correlationID: correlation)) { aggregate in
                let events = try decision.decide(aggregate)
                report(.decided(correlation, events: events.count))
                return events
            }
            return .acknowledged(correlation, positions: saved.positions.map(\.rawValue))
        } catch let error as EventStoreError {
            if (error.cause as? PostgresError)?.connectionIsLost == true { return .unknown(correlation) }
            return .refused(correlation, because: "\(error.code)")
        } catch let error as PostgresError {
            return error.connectionIsLost ? .unknown(correlation) : .refused(correlation, because: "\(error)")
        } catch {
            return .refused(correlation, because: "\(error)")
        }
    }
}

/// What a writer knows about one of its decisions, by its correlation id.
public enum WriterReport: Sendable, Equatable {
    /// It led to so many events, which are about to be appended; repeated after a conflict.
    case decided(String, events: Int)
    /// Its events are stored at these positions.
    case acknowledged(String, positions: [Int64])
    /// Nothing of it is stored.
    case refused(String, because: String)
    /// The connection was lost: all of it is stored, or nothing.
    case unknown(String)

    /// One line for it, without a newline.
    public var line: String {
        switch self {
        case .decided(let id, let events): "decided \(id) \(events)"
        case .acknowledged(let id, let positions):
            "acknowledged \(id) \(positions.map { "\($0)" }.joined(separator: ","))"
        case .refused(let id, let reason): "refused \(id) \(reason)"
        case .unknown(let id): "unknown \(id)"
        }
    }

    /// Reads such a line; nil for another, and for one whose end is missing.
    public init?(line: Substring) {
        let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map { String($0) }
        switch (words.first, words.count) {
        case ("decided", 3):
            guard let events = Int(words[2]) else { return nil }
            self = .decided(words[1], events: events)
        case ("acknowledged", 3):
            self = .acknowledged(words[1], positions: words[2].split(separator: ",").compactMap { Int64($0) })
        case ("refused", 3): self = .refused(words[1], because: words[2])
        case ("unknown", 2): self = .unknown(words[1])
        default: return nil
        }
    }
}
