package import Postgres
package import Refold
internal import Synchronization

/// Reads events in the order of their positions, by COPY, over a connection of its own.
///
/// One read at a time. It never looks above the position it is given, so reading up to the high-water mark misses
/// nothing; it refuses to read in another run of the server than the one it was inspected in. No snapshot is held for
/// longer than `ReadingOptions.copyLifetime`: a long read is cut into several COPYs, each beginning after the last
/// event of the one before.
package final class EventReader: Sendable {
    /// The store it reads.
    package let store: ValidatedStore
    /// How it reads.
    package let options: ReadingOptions
    /// Its connection. Nobody else may use it during a read.
    package let connection: PostgresConnection

    private let cursor: Mutex<ReadCursor>

    /// - Parameters:
    ///   - connection: a connection on which `store` was inspected.
    ///   - types: the event types whose payloads are wanted. Events of other types are delivered without their payload.
    ///   - upcasters: bring payloads of older versions up to date before delivery.
    package init(
        _ connection: PostgresConnection,
        _ store: ValidatedStore,
        types: [EventType],
        upcasters: Upcasters = Upcasters(),
        options: ReadingOptions = ReadingOptions()
    ) {
        self.connection = connection
        self.store = store
        self.options = options
        cursor = Mutex(ReadCursor(store, types: types, upcasters, options))
    }

    /// Reads the events after one position, through another, and delivers them block by block.
    ///
    /// The next block is read and parsed while one is being delivered; there are never more than these two. When
    /// nothing is in the range, one block without batches says so.
    ///
    /// - Parameters:
    ///   - after: the position before the first event wanted.
    ///   - through: the last position wanted, at most the high-water mark. At or below `after` nothing is delivered.
    ///   - deliver: called in order, on the caller's own isolation. What it throws ends the read.
    /// - Throws: `EventStoreError`, `CancellationError`, or what `deliver` throws. The reader can be used again unless
    ///   the connection is lost.
    package nonisolated(nonsending) func read(
        after: GlobalPosition,
        through: GlobalPosition,
        deliver: (EventBlock) async throws -> Void
    ) async throws {
        guard through > after else { return }
        do {
            begin(after: after, through: through)
            var current = try await nextBlock(on: connection)
            while !current.isLast {
                // When `deliver` throws, both are cancelled and awaited on the way out.
                async let next = nextBlock(on: connection)
                async let _ = endOldCopies()
                try await deliver(current)
                // What has been sent already is read without waiting, so nothing else would notice.
                try Task.checkCancellation()
                current = try await next
            }
            try await deliver(current)
        } catch {
            await abandon(on: connection)
            throw error
        }
    }

    /// The first position in a range that holds an event; nil when none does. One index look-up, however long the
    /// range.
    ///
    /// Not during a read.
    package func firstPosition(
        after: GlobalPosition,
        through: GlobalPosition
    ) async throws(EventStoreError) -> GlobalPosition? {
        try await firstPosition(after: after, through: through, on: connection)
    }

    // MARK: On the connection's executor

    private func firstPosition(
        after: GlobalPosition,
        through: GlobalPosition,
        on connection: isolated PostgresConnection
    ) throws(EventStoreError) -> GlobalPosition? {
        let (isCurrent, position): (Bool, GlobalPosition?)
        do {
            let results = try connection.pipeline([
                PostgresStatement("SELECT \(store.serverRun.isCurrentSQL)"),
                PostgresStatement(
                    """
                    SELECT e.global_position::bigint FROM \(store.settings.events) e
                    WHERE e.global_position > $1 AND e.global_position <= $2 ORDER BY e.global_position LIMIT 1
                    """,
                    [.int64(after.rawValue), .int64(through.rawValue)]
                ),
            ])
            isCurrent = try results[0].bool(0, 0)
            position = results[1].isEmpty ? nil : GlobalPosition(try results[1].int64(0, 0))
        } catch {
            throw .database("looking for the next event", error)
        }
        guard isCurrent else { throw .serverRunIsOver }
        return position
    }

    private func begin(after: GlobalPosition, through: GlobalPosition) {
        cursor.withLock { $0.begin(after: after, through: through) }
    }

    private func nextBlock(on connection: isolated PostgresConnection) throws(EventStoreError) -> EventBlock {
        try cursor.withLock { (cursor: inout ReadCursor) throws(EventStoreError) in
            try cursor.nextBlock(on: connection)
        }
    }

    /// Ends COPYs that have been open for too long because a block takes long to deliver, until it is cancelled.
    private func endOldCopies() async {
        var wait = options.copyLifetime
        // A sleep that was cut short means that the block has been delivered.
        while (try? await Task.sleep(for: wait)) != nil {
            wait = await endOldCopy(on: connection)
        }
    }

    /// - Returns: when to look again.
    private func endOldCopy(on connection: isolated PostgresConnection) -> Duration {
        cursor.withLock { cursor in
            // A failure shows again at the next block.
            _ = try? cursor.endCopy(ifOpenFor: options.copyLifetime, on: connection)
            return cursor.copyAge.map { max(options.copyLifetime - $0, .milliseconds(10)) } ?? options.copyLifetime
        }
    }

    private func abandon(on connection: isolated PostgresConnection) {
        // The read has failed already; a connection that cannot be restored fails at its next use.
        cursor.withLock { cursor in _ = try? cursor.endCopy(ifOpenFor: .zero, on: connection) }
    }
}
