public import Postgres
internal import Refold

/// Brings events into a store from NDJSON: one event a line, as `RecordedEvent.appendLine(to:)` writes them.
///
/// Members of a line: `stream`, `type` and `data` are needed; `version`, `id`, `type_version`, `timestamp` and
/// `metadata` are kept as they are, and filled in where they are missing; `position` is ignored, since positions follow
/// the order of the lines.
///
/// Lines are stored in batches, each in one transaction with a note of how far the input was read. So an interrupted
/// import resumes where it stopped when it is started again with the same input: an input is known by its first line,
/// and by a digest of everything imported so far, whatever its name is, and though it may have grown. Beyond that, a
/// line whose id is in the store already, in the same stream and version, is skipped.
public struct EventImport: Sendable {
    /// What an import did.
    public struct Summary: Sendable, Hashable {
        /// The lines that an earlier import of the same input had done.
        public var linesBefore = 0
        /// The lines done now.
        public var lines = 0
        /// The events stored.
        public var events = 0
        /// The events that were in the store already.
        public var skipped = 0

        package init(linesBefore: Int = 0, lines: Int = 0, events: Int = 0, skipped: Int = 0) {
            self.linesBefore = linesBefore
            self.lines = lines
            self.events = events
            self.skipped = skipped
        }
    }

    private let connection: PostgresConnection
    private let settings: EventStoreSettings
    private let linesPerBatch: Int
    private let bytesPerBatch: Int

    /// - Parameters:
    ///   - connection: not used by anybody else during an import.
    ///   - settings: where the store is; it must have been migrated.
    ///   - linesPerBatch: how many lines are stored in one transaction. Writers of the same streams wait for its end,
    ///     and so do readers of the log.
    ///   - bytesPerBatch: a batch ends with the line that reaches this. Two batches are in memory at a time.
    public init(
        _ connection: PostgresConnection,
        _ settings: EventStoreSettings = EventStoreSettings(),
        linesPerBatch: Int = 20_000,
        bytesPerBatch: Int = 16 << 20
    ) {
        self.connection = connection
        self.settings = settings
        self.linesPerBatch = max(1, linesPerBatch)
        self.bytesPerBatch = max(1, bytesPerBatch)
    }

    /// Imports all lines of an input.
    ///
    /// - Parameters:
    ///   - descriptor: an open file or pipe, at its beginning.
    ///   - again: takes the input as one that was never seen. Lines without ids are then stored once more.
    ///   - progress: called after each batch with what was done so far.
    /// - Throws: `invalidLines` with the numbers and reasons, of one batch, of which nothing is stored; `otherInput`,
    ///   `unreadableInput`, `importUnderWay`, `database`. What was stored before stays.
    public func run(
        from descriptor: Int32,
        again: Bool = false,
        progress: @Sendable (Summary) -> Void = { _ in }
    ) async throws(EventStoreError) -> Summary {
        let reader = ImportReader(descriptor, linesPerBatch: linesPerBatch, bytesPerBatch: bytesPerBatch)
        var summary = Summary()
        guard let firstLine = try await reader.firstLine() else { return summary }
        var writer = try await ImportWriter(firstLine: firstLine, settings, on: connection)
        if let known = writer.known, !again {
            if try await reader.skip(to: known) {
                summary.linesBefore = Int(known.lines)
            } else if !(await reader.rewind()) {
                throw .otherInput(known)
            }
        }
        var current = await Self.next(reader)
        while let batch = try current.get() {
            // The next batch is read while this one is written. Its bad lines are reported when this one is safe.
            async let next = Self.next(reader)
            let stored = try await writer.write(batch, on: connection)
            summary.lines = Int(batch.end.lines) - summary.linesBefore
            summary.events += stored
            summary.skipped += batch.lines.count - stored
            progress(summary)
            current = await next
        }
        return summary
    }

    private static func next(_ reader: ImportReader) async -> Result<ImportBatch?, EventStoreError> {
        do throws(EventStoreError) {
            return .success(try await reader.nextBatch())
        } catch {
            return .failure(error)
        }
    }
}
