package import Postgres
public import Refold

/// What went wrong with the event store, and what to do about it.
///
/// The code is for programs; `message` names the thing and its value, `remedy` says what an operator can do. A database
/// error underneath is kept in `cause` with its SQLSTATE, detail and constraint.
public struct EventStoreError: Error, CustomStringConvertible {
    /// The kind of an error. New kinds may be added: compare with `==`, and keep a default.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The kind's name, as logs and JSON output show it.
        public let description: String

        package init(_ name: String) {
            description = name
        }

        // Settings, and a store that cannot be adopted as it is. Nothing was changed; trying again does not help.

        /// A name in the settings is not one PostgreSQL could have.
        public static let invalidSettings = Code("invalid_settings")
        /// The server is older than the oldest one supported.
        public static let unsupportedServer = Code("unsupported_server")
        /// The database has an encoding whose texts cannot be converted to UTF-8.
        public static let unsupportedEncoding = Code("unsupported_encoding")
        /// There is no such events table, or it is not a table.
        public static let eventsTableMissing = Code("events_table_missing")
        /// A column that is read is missing.
        public static let columnMissing = Code("column_missing")
        /// A column has a type that cannot be read.
        public static let columnType = Code("column_type")
        /// SELECT on the table, or on one of the columns that are read, is not granted.
        public static let eventsNotReadable = Code("events_not_readable")
        /// Row-level security hides rows of the table from this role.
        public static let rowsHidden = Code("rows_hidden")
        /// Positions cannot be looked up: no index begins with the position.
        public static let positionNotIndexed = Code("position_not_indexed")
        /// The position's default is not plainly nextval of exactly one sequence, and it is no identity column.
        public static let positionNotFromSequence = Code("position_not_from_sequence")
        /// The sequence hands out numbers in advance (CACHE above 1).
        public static let sequenceCached = Code("sequence_cached")
        /// The sequence counts down.
        public static let sequenceDescends = Code("sequence_descends")
        /// The sequence starts again at its end (CYCLE).
        public static let sequenceCycles = Code("sequence_cycles")
        /// SELECT on the sequence is not granted.
        public static let sequenceNotReadable = Code("sequence_not_readable")
        /// The table holds, or its sequence can give, positions below 1.
        public static let positionBelowOne = Code("position_below_one")
        /// An event has a position that its sequence has not given yet.
        public static let positionAboveSequence = Code("position_above_sequence")
        /// Two events have the same position.
        public static let positionNotUnique = Code("position_not_unique")
        /// A subscription writes the table: positions come from another server.
        public static let replicationTarget = Code("replication_target")

        /// The server is a standby: locks of the primary's transactions cannot be seen on it.
        public static let inRecovery = Code("in_recovery")

        // The log is not the one that was folded.

        /// The newest position is below one that was already passed.
        public static let logShrank = Code("log_shrank")
        /// Other events are where the folded ones were.
        public static let otherLog = Code("other_log")
        /// The events table was replaced, or another log recorded as the present one, during the read: inspect it
        /// again.
        public static let storeChanged = Code("store_changed")
        /// An event appeared at a position that had been passed.
        public static let lateEvent = Code("late_event")

        // Appending.

        /// The stream is not at the version that the writer expected.
        public static let wrongExpectedVersion = Code("wrong_expected_version")
        /// An event of the same id is in the store already, in another place.
        public static let duplicateEventID = Code("duplicate_event_id")
        /// An event that is to be appended cannot be stored as it is.
        public static let invalidEvent = Code("invalid_event")

        // Importing.

        /// Lines of an input that cannot be imported; see `badLines`.
        public static let invalidLines = Code("invalid_lines")
        /// The input begins like one that was imported and differs later, and it cannot be read again from its
        /// beginning.
        public static let otherInput = Code("other_input")
        /// The operating system could not read the input.
        public static let unreadableInput = Code("unreadable_input")
        /// Another process is importing the same input.
        public static let importUnderWay = Code("import_under_way")

        /// The database refused or failed; see `cause`.
        public static let database = Code("database")
    }

    /// The kind of error.
    public var code: Code
    /// What was found, in one sentence without its full stop.
    public var message: String
    /// What an operator can do, in one sentence; nil where the message says it all.
    public var remedy: String?
    /// The position the error is about, where there is one.
    public var position: GlobalPosition?
    /// Where the writer expected the stream to stand, of `wrongExpectedVersion`.
    public var expected: ExpectedVersion?
    /// Where the stream stands, of `wrongExpectedVersion`; version 0 is a stream without events.
    public var actual: StreamPosition?
    /// What is wrong with which lines, of `invalidLines`.
    public var badLines: [BadLine] = []
    /// The error underneath, of the database client.
    public var cause: (any Error)?

    package init(
        _ code: Code,
        _ message: String,
        remedy: String? = nil,
        position: GlobalPosition? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.position = position
        self.cause = cause
    }

    /// The message and the remedy. It holds no password and no payload.
    public var description: String {
        guard let remedy else { return message }
        return "\(message); \(remedy)"
    }
}

extension EventStoreError {
    /// The sequence stands below positions that were passed: the events there, old or new, cannot be told apart.
    package static func logShrank(lastValue: GlobalPosition, passed: GlobalPosition) -> EventStoreError {
        EventStoreError(
            .logShrank,
            "the log shrank: its newest position is \(lastValue), but positions up to \(passed) were read before",
            remedy:
                "find out whether a backup was restored or the sequence was set back; then \(Program.name) rebuild --fresh",
            position: lastValue
        )
    }

    /// Other events are where the folded ones were.
    package static func otherLog(_ found: String, at position: GlobalPosition? = nil) -> EventStoreError {
        EventStoreError(
            .otherLog,
            "\(found), so what was folded may never have happened here",
            remedy:
                "correct the database URL; if the log was replaced or a backup restored, \(Program.name) rebuild --fresh",
            position: position
        )
    }

    /// The store is no longer the one that was inspected.
    package static func storeChanged(_ found: String) -> EventStoreError {
        EventStoreError(.storeChanged, "\(found), and has to be inspected again")
    }

    /// Whether the log is not the one that was folded, or no longer all of it.
    package var isOfAnotherLog: Bool { code == .otherLog || code == .logShrank }
}

extension EventStoreError {
    /// The stream is not where the writer expected it.
    static func wrongExpectedVersion(
        _ stream: String,
        expected: ExpectedVersion,
        actual: StreamPosition
    ) -> EventStoreError {
        var error = EventStoreError(
            .wrongExpectedVersion,
            "stream \(stream.abbreviated()) has \(actual == 0 ? "no events" : "version \(actual)"), where the writer expected \(expected)",
            remedy: "read it again and decide anew"
        )
        error.expected = expected
        error.actual = actual
        return error
    }

    /// An event of that id is in another place than the one it was to be appended to.
    static func duplicateEventID(
        _ id: EventID,
        stream: String,
        version: StreamPosition,
        position: GlobalPosition
    ) -> EventStoreError {
        EventStoreError(
            .duplicateEventID,
            "the event id \(id) is taken by version \(version) of stream \(stream.abbreviated())",
            remedy: "give each event an id of its own",
            position: position
        )
    }
}

extension EventStoreError {
    /// Lines that cannot be imported, so that nothing of their batch is.
    static func invalidLines(_ lines: [BadLine]) -> EventStoreError {
        var error = EventStoreError(
            .invalidLines,
            lines.map(\.description).joined(separator: "; "),
            remedy: "correct the input and import it again: it resumes where it stopped"
        )
        error.badLines = lines
        return error
    }

    /// The input has changed since its import was begun.
    static func otherInput(_ known: ImportPlace) -> EventStoreError {
        EventStoreError(
            .otherInput,
            "the input begins like one of which \(known.lines) lines were imported, and differs within them",
            remedy: "import it from a file, or as one that was never seen"
        )
    }
}

extension EventStoreError {
    /// The task was cancelled while no statement was running.
    static func cancelled(_ operation: String) -> EventStoreError {
        EventStoreError(.database, "\(operation) was cancelled", cause: CancellationError())
    }

    /// An error of the database, with the operation that failed.
    package static func database(_ operation: String, _ cause: PostgresError) -> EventStoreError {
        EventStoreError(.database, "\(operation) failed: \(cause)", cause: cause)
    }

    /// Whether a retry may well succeed; on a new connection when the cause says that this one is lost.
    public var isTransient: Bool {
        code == .storeChanged || (cause as? PostgresError)?.isTransient ?? false
    }
}
