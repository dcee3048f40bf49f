internal import Logging
package import Postgres

/// Drops the generations that were left behind: tables, checkpoint and bookkeeping of each together.
package struct RetiredGenerations: Sendable {
    private let connection: PostgresConnection
    private let generations: GenerationStore
    private let tables: ReadModelTables

    /// - Parameter connection: outside of a transaction.
    package init(_ connection: PostgresConnection) {
        self.connection = connection
        generations = GenerationStore(connection)
        tables = ReadModelTables(connection)
    }

    /// Drops generations that were left behind, as far as nobody can see them any more. What cannot be dropped now is
    /// left for the next time.
    ///
    /// - Returns: the generations that are still there, with the reason.
    package func drop() async throws -> [LeftGeneration] {
        var left: [LeftGeneration] = []
        for (generation, isVisible) in try await generations.retired() {
            if isVisible {
                left.append(.init(generation, "a transaction that began before is still open"))
            } else if let obstacle = try await drop(generation) {
                left.append(obstacle)
            }
        }
        return left
    }

    /// Drops a generation's tables and its rows in the bookkeeping.
    ///
    /// - Returns: why that cannot be done now; nil when it is done, or no longer to be done.
    private func drop(_ generation: GenerationNumber) async throws -> LeftGeneration? {
        if let ownership = try await CheckpointStore(connection).ownership(of: generation), ownership.seemsAlive {
            return .init(generation, "a live process owns it")
        }
        // Before anything is detached: a partition that others depend on stays where it is.
        if let dependents = try await tables.dependents(on: generation) {
            return .init(generation, dependedOnBy: dependents)
        }
        do {
            // The list is older than the lock, and an uncommitted move of the pointer is waited for here.
            let isRetired = try await connection.transaction { connection in
                try connection.executeScript("SET LOCAL lock_timeout = '200ms'")
                return try await generations.lockRetired(generation)
            }
            guard isRetired else { return nil }
            let partitions = try await tables.partitions(of: generation)
            for partition in partitions {
                guard let parent = partition.parent else { continue }
                try await tables.detach(partition, from: parent)
            }
            // Tables and bookkeeping go together, and only if the generation is still nobody's.
            try await connection.transaction { connection in
                try connection.executeScript("SET LOCAL lock_timeout = '200ms'; SET LOCAL statement_timeout = '2s'")
                guard try await generations.lockRetired(generation) else { return }
                try await tables.drop(partitions)
                try await generations.remove(generation)
            }
            return nil
        } catch let error as PostgresError {
            return try await obstacle(to: generation, error)
        }
    }

    /// What the refusal to drop a generation means.
    ///
    /// - Throws: the error, if it is not about that generation.
    private func obstacle(to generation: GenerationNumber, _ error: PostgresError) async throws -> LeftGeneration {
        switch error.sqlState {
        case .lockNotAvailable, .queryCanceled: return .init(generation, "someone still uses its tables")
        // A parent has at most one DETACH in progress.
        case .objectNotInPrerequisiteState:
            return .init(generation, "another generation's detaching is to be finished first")
        // Made after it was looked for.
        case .dependentObjectsStillExist:
            return .init(generation, dependedOnBy: try await tables.dependents(on: generation) ?? error.message)
        default:
            guard error.code == .server, !error.isTransient else { throw error }
            return .init(generation, "\(error)", needsHelp: true)
        }
    }
}

/// A generation that is to be dropped and could not be yet.
package struct LeftGeneration: Sendable {
    package let number: GenerationNumber
    package let reason: String
    /// Nothing drops it until somebody removes the reason.
    package let needsHelp: Bool

    init(_ number: GenerationNumber, _ reason: String, needsHelp: Bool = false) {
        self.number = number
        self.reason = reason
        self.needsHelp = needsHelp
    }

    init(_ number: GenerationNumber, dependedOnBy dependents: String) {
        self.init(number, Self.reason(dependents), needsHelp: true)
    }

    /// Why a generation stays when other objects depend on its tables.
    static func reason(_ dependents: String) -> String { "its tables cannot be dropped because of \(dependents)" }
}

extension Engine {
    /// Drops what nobody can see any more, and warns of what stays until an operator acts; the rest waits for the next
    /// time. The operation that left it behind has not failed.
    ///
    /// - Parameter isLast: no attempt follows soon that would give the same warnings.
    func dropRetired(isLast: Bool = true) async {
        do {
            for left in try await withConnection(for: "drop", { try await RetiredGenerations($0).drop() }) {
                logger.log(
                    level: left.needsHelp && isLast ? .warning : .debug,
                    "a generation that was left behind could not be dropped",
                    metadata: ["generation": "\(left.number)", "cause": "\(left.reason)"]
                )
            }
        } catch {
            logger.warning("retired generations were not dropped", metadata: ["cause": "\(error)"])
        }
    }
}
