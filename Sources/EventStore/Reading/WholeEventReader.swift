package import Postgres
package import Refold

/// Reads whole events in the order of their positions, by COPY, a bounded number at a time.
///
/// For readers that pass events on as they are. It never looks above the position it is given, and refuses to read in
/// another run of the server than the one it was inspected in.
package struct WholeEventReader: Sendable {
    /// How many events one read takes at most.
    package static let count = 4_096

    /// Its connection. Nobody else may use it during a read.
    package let connection: PostgresConnection
    private let store: ValidatedStore
    private let columns: String
    private let preamble: String

    /// - Parameters:
    ///   - connection: a connection on which `store` was inspected.
    ///   - types: the types whose payloads and metadata are wanted; of others there is the rest.
    package init(_ connection: PostgresConnection, _ store: ValidatedStore, types: [String]) {
        self.connection = connection
        self.store = store
        columns = BorrowedEvent.columns(store, types: types)
        preamble = ReadStatement.preamble(store.serverRun)
    }

    /// Reads some of the events after one position, through another.
    ///
    /// - Parameters:
    ///   - through: at most the high-water mark, and above `after`.
    ///   - result: what becomes of the events.
    ///   - add: adds an event to the result, and says whether another one is wanted.
    /// - Returns: the result, and the position through which everything is in it.
    /// - Throws: `EventStoreError`, and what `add` throws.
    package func read<Result: Sendable>(
        after: GlobalPosition,
        through: GlobalPosition,
        into result: Result,
        add: @Sendable (BorrowedEvent, inout Result) throws -> Bool
    ) async throws -> (Result, through: GlobalPosition) {
        try await read(after: after, through: through, into: result, add: add, on: connection)
    }

    private func read<Result: Sendable>(
        after: GlobalPosition,
        through: GlobalPosition,
        into result: Result,
        add: (BorrowedEvent, inout Result) throws -> Bool,
        on connection: isolated PostgresConnection
    ) throws -> (Result, through: GlobalPosition) {
        var (result, reached, count) = (result, after, 0)
        let copy = """
            COPY (SELECT \(columns) FROM \(store.settings.events) e \
            WHERE e.global_position > (\(after)) AND e.global_position <= (\(through)) \
            ORDER BY e.global_position LIMIT \(Self.count)) TO STDOUT (FORMAT binary)
            """
        do {
            let run = try connection.beginCopyOut(copy, after: preamble)
            guard try run.text(0, 0) == "same" else {
                try connection.cancelCopyOut()
                throw EventStoreError.serverRunIsOver
            }
            let isOpen = try connection.nextCopyRows { row in
                let event = try BorrowedEvent(row, store)
                reached = event.position
                count += 1
                return try add(event, &result)
            }
            if isOpen {
                try connection.cancelCopyOut()
                return (result, reached)
            }
        } catch let error as PostgresError {
            throw EventStoreError.database("reading events", error)
        }
        return (result, count < Self.count ? through : reached)
    }
}
