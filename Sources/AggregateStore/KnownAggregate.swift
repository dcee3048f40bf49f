package import Aggregates
package import EventStore
internal import FoundationEssentials
package import Logging
package import Refold

/// A kind of aggregate whose state can be shown without knowing the kind.
package struct KnownAggregate: Sendable {
    /// The kind's name, such as `BankAccount`.
    package let name: String
    private let load: @Sendable (String, Moment?, EventStreams, Upcasters, Logger?) async throws -> AggregateState?

    /// That kind.
    package init<A: Aggregate>(_ kind: A.Type) {
        name = "\(kind)"
        load = { stream, moment, streams, upcasters, logger in
            guard let id = A.id(of: stream) else { return nil }
            // No snapshots are used, so that the state comes from the events alone.
            let repository = Repository<A>(streams, upcasters: upcasters, snapshots: .never, logger: logger)
            let loaded =
                if let moment { try await repository.load(id, at: moment) } else { try await repository.load(id) }
            return AggregateState(version: loaded.version, json: try loaded.aggregate.json)
        }
    }

    /// The state that a stream's events make; nil when they are not of this kind's category.
    ///
    /// - Parameter moment: nil for now.
    /// - Throws: what `Repository.load` throws.
    package func state(
        of stream: String,
        at moment: Moment? = nil,
        in streams: EventStreams,
        upcasters: Upcasters = Upcasters(),
        logger: Logger? = nil
    ) async throws -> AggregateState? {
        try await load(stream, moment, streams, upcasters, logger)
    }
}

/// An aggregate's state, of whatever kind.
package struct AggregateState: Sendable, Hashable {
    /// The version of the stream that made it.
    package let version: StreamPosition
    /// Its `Codable` form, the members sorted by name.
    package let json: String
}

extension Aggregate {
    /// Its `Codable` form, the members sorted by name.
    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}
