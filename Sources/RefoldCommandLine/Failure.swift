internal import AggregateStore
internal import ArgumentParser
package import Engine
internal import EventStore
internal import HotCache
internal import Kafka
internal import Postgres
internal import Redis
internal import Refold

/// What an error means to the caller of the command: an exit code of sysexits(3) and one line.
package struct Failure: Sendable, Equatable {
    /// The exit code: 64 usage, 65 data, 69 a server is unreachable, full or busy for longer than the retries last, or
    /// the work was interrupted, 70 our own mistake, 74 a file cannot be read or written, 75 another process is in the
    /// way (an owner, a pointer that moved, a stream's version, an import under way) and nothing is wrong, 78
    /// configuration.
    package let code: Int32
    /// `refold: what happened — what to do`; nil when everything was said already.
    package let line: String?

    /// The one place where errors become exit codes.
    package init(_ error: any Error) {
        switch error {
        case let error as SilentExit: self.init(error.code, nil)
        case let error as SettingError: self.init(Self.configuration, error.message, error.remedy)
        case let error as UsageError: self.init(Self.usage, error.message, error.remedy)
        case let error as EngineError: self.init(Self.code(of: error.code), error.message, error.remedy)
        case let error as EventStoreError: self.init(error)
        case let error as AggregateStoreError: self.init(Self.data, error.message, error.remedy)
        case let error as PostgresError: self.init(error)
        case let error as RedisError: self.init(error)
        case let error as CacheFailure:
            self.init(
                Self.unavailable,
                "the cache was not written: \(error)",
                "see to the Redis server, then run it again"
            )
        case is LeaseLost:
            self.init(Self.takenByOther, "another process owns the generation now", "run it again")
        case let error as KafkaError: self.init(error)
        case let error as CutOff:
            let message =
                error.tookTooLong
                ? "stopped with work still under way after five seconds" : "stopped before it was done"
            self.init(Self.unavailable, message, error.unfinished)
        case is CancellationError: self.init(Self.unavailable, "it was interrupted", "run it again")
        case let error as ExitCode: self.init(error.rawValue, nil)
        default:
            let code = RootCommand.exitCode(for: error)
            if code == .validationFailure {
                let message = RootCommand.message(for: error)
                self.init(Self.usage, message.isEmpty ? "no command" : message, "see \(Program.name) --help")
            } else {
                self.init(Self.software, "\(error)", "report this as a mistake in refold")
            }
        }
    }

    /// Whether a retry may succeed later without a change of settings.
    package var isPassing: Bool { code == Self.unavailable || code == Self.takenByOther }

    static let usage: Int32 = 64
    static let data: Int32 = 65
    static let unavailable: Int32 = 69
    static let software: Int32 = 70
    static let inputOutput: Int32 = 74
    static let takenByOther: Int32 = 75
    static let configuration: Int32 = 78

    private init(_ code: Int32, _ line: String?) {
        self.code = code
        self.line = line
    }

    private init(_ code: Int32, _ message: String, _ remedy: String?) {
        let text = remedy.map { "\(message) — \($0)" } ?? message
        // One line, whatever a server or the argument parser put into its message.
        self.init(code, "\(Program.name): " + text.split(whereSeparator: \.isNewline).joined(separator: " "))
    }

    // MARK: By module

    package static func code(of code: EngineError.Code) -> Int32 {
        switch code {
        case .owned, .pointerMoved, .fenced: takenByOther
        case .unsettled, .locked, .outpaced, .notAppended, .notPointed: unavailable
        case .stopped, .identityDiffers, .shortenedLog, .unreadableRow, .nothingLive, .nothingKept: data
        case .unknownProjection, .unknownKey, .emitsAlready: usage
        case .notMigrated, .otherSchema, .blocked, .setting, .emissionLoop, .cannotEmit: configuration
        default: software
        }
    }

    private init(_ error: EventStoreError) {
        switch error.code {
        case .database:
            if let cause = error.cause as? PostgresError, cause.isDataError {
                // The operation names the data.
                self.init(Self.data, error.message, "correct the data")
            } else if let cause = error.cause {
                self.init(cause)
            } else {
                self.init(Self.software, error.message, error.remedy)
            }
        case .logShrank, .otherLog, .lateEvent, .positionAboveSequence, .invalidEvent, .duplicateEventID, .invalidLines,
            .otherInput:
            self.init(Self.data, error.message, error.remedy)
        case .wrongExpectedVersion, .importUnderWay: self.init(Self.takenByOther, error.message, error.remedy)
        case .unreadableInput: self.init(Self.inputOutput, error.message, error.remedy)
        case .storeChanged: self.init(Self.unavailable, error.message, error.remedy)
        // Everything else says why the store, as it is set up, cannot be read.
        default: self.init(Self.configuration, error.message, error.remedy)
        }
    }

    private init(_ error: PostgresError) {
        let address = error.address ?? "the address in database.url"
        switch error.code {
        case .configuration:
            self.init(Self.configuration, "\(error)", "correct database.url (REFOLD_DATABASE_URL)")
        case .connectionFailed where [.invalidAuthorization, .invalidCatalogName].contains(error.sqlState?.category):
            self.init(
                Self.configuration,
                "PostgreSQL at \(address) refused the connection: \(error.message)",
                "correct user, password and database in database.url (REFOLD_DATABASE_URL)"
            )
        case .connectionFailed:
            self.init(
                Self.unavailable,
                "PostgreSQL at \(address) cannot be reached: \(error.message)",
                "start the server, or correct database.url (REFOLD_DATABASE_URL)"
            )
        case .connectionLost:
            self.init(Self.unavailable, "PostgreSQL at \(address) ended the connection: \(error.message)", "try again")
        case .cancelled:
            self.init(Self.unavailable, "it was interrupted", "run it again; what was committed is kept")
        case .decoding:
            self.init(Self.data, "\(error)", "correct what is stored, or read it in another way")
        default:
            self.init(refused: error)
        }
    }

    private init(refused error: PostgresError) {
        switch error.sqlState {
        case .undefinedTable, .invalidSchemaName, .undefinedFunction:
            self.init(
                Self.configuration,
                "a table, schema or function is missing: \(error)",
                "run \(Program.name) migrate"
            )
        case .undefinedColumn:
            self.init(
                Self.configuration,
                "a column is missing: \(error)",
                "this command needs an events table with all columns that \(Program.name) migrate makes; or run \(Program.name) migrate"
            )
        case .insufficientPrivilege:
            self.init(Self.configuration, "\(error)", "grant the role of database.url what it needs")
        default:
            if error.isTransient {
                self.init(Self.unavailable, "\(error)", Self.remedy(for: error.sqlState))
            } else if error.isDataError {
                self.init(Self.data, "\(error)", "correct the data")
            } else {
                self.init(Self.software, "\(error)", "look into the server's log")
            }
        }
    }

    /// What helps against a failure that outlasted the retries.
    private static func remedy(for state: SQLState?) -> String {
        switch state {
        case .diskFull: "make room on the server's disk, then run it again"
        case .outOfMemory: "give the server more memory, or lower its work_mem, then run it again"
        case .tooManyConnections: "raise max_connections or end idle sessions, then run it again"
        case .serializationFailure, .deadlockDetected, .lockNotAvailable, .objectInUse:
            "see pg_locks and pg_stat_activity for who holds the lock, end that transaction, then run it again"
        case .queryCanceled: "somebody cancels statements of refold: see the server's log, then run it again"
        case .readOnlyTransaction:
            "the server is read-only: connect to the primary, or wait for the end of the failover"
        case let state where state?.category == .systemError:
            "the server's files or disk fail: see its log, then run it again"
        default: "see the server's log, then run it again"
        }
    }

    private init(_ error: KafkaError) {
        switch error.code {
        case .configuration, .notAllowed, .unsupported, .unknownTopic:
            self.init(
                Self.configuration,
                "\(error)",
                "correct the settings under relay, or the topics and rights in Kafka"
            )
        case .tooLarge:
            self.init(
                Self.data,
                "\(error)",
                "raise the topic's max.message.bytes and message.max.bytes in relay.properties"
            )
        case .gap, .fork, .notRelayed: self.init(Self.data, "\(error)", nil)
        default:
            let remedy = "start the brokers, or correct relay.bootstrap-servers (REFOLD_RELAY_BOOTSTRAP_SERVERS)"
            self.init(error.isTransient ? Self.unavailable : Self.software, "\(error)", remedy)
        }
    }

    private init(_ error: RedisError) {
        switch error.code {
        case .invalidURL, .unsupported, .authenticationFailed, .databaseRefused:
            self.init(Self.configuration, "\(error)", "correct redis.url (REFOLD_REDIS_URL)")
        default:
            let remedy = "start the server, or correct redis.url (REFOLD_REDIS_URL)"
            self.init(error.isTransient ? Self.unavailable : Self.software, "\(error)", remedy)
        }
    }
}

/// A command line that cannot be understood, found out after parsing.
package struct UsageError: Error {
    package let message: String
    package let remedy: String

    package init(_ message: String, remedy: String) {
        self.message = message
        self.remedy = remedy
    }
}

/// Ends the command with an exit code when everything about it has been printed.
struct SilentExit: Error {
    let code: Int32
}
