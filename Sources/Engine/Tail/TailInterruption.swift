internal import EventStore
internal import Postgres

/// What an error means for a daemon that has run.
package enum TailInterruption: Sendable {
    /// It is tried again for ever.
    case passes
    /// It is tried again for a while.
    case mayPass
    /// Only an operator can help.
    case stays

    package init(_ error: any Error) {
        switch error {
        case let error as EventStoreError:
            switch error.code {
            // A value that cannot be read now cannot be read later.
            case .database:
                self = (error.cause as? PostgresError)?.sqlState?.category == .dataException ? .stays : .passes
            case .inRecovery: self = .passes
            case .otherLog, .logShrank, .positionAboveSequence: self = .stays
            default: self = .mayPass
            }
        case is EngineError: self = error.isTransient ? .passes : .stays
        default: self = .passes
        }
    }
}
