internal import EventStore

/// The result of one of the doctor's checks.
public struct Check: Sendable {
    /// How it went.
    public enum Result: String, Sendable {
        /// All is well.
        case passed
        /// It works, but wants attention.
        case warning
        /// It keeps refold from working.
        case failed
    }

    /// What was looked at.
    public let name: String
    /// How it went.
    public let result: Result
    /// What was found, in one sentence.
    public let found: String
    /// What to do, unless it passed.
    public let remedy: String?
    /// What failed; nil unless it did.
    public let error: (any Error)?

    private init(_ name: String, _ result: Result, _ found: String, remedy: String? = nil, error: (any Error)? = nil) {
        self.name = name
        self.result = result
        self.found = found
        self.remedy = remedy
        self.error = error
    }

    /// All is well.
    package static func passed(_ name: String, _ found: String) -> Check { Check(name, .passed, found) }

    /// It works, but wants attention.
    package static func warning(_ name: String, _ found: String, remedy: String) -> Check {
        Check(name, .warning, found, remedy: remedy)
    }

    /// It keeps refold from working.
    ///
    /// - Parameter remedy: what to do where the error does not say.
    package static func failed(_ name: String, _ error: any Error, remedy: String) -> Check {
        switch error {
        case let error as EngineError: Check(name, .failed, error.message, remedy: error.remedy, error: error)
        case let error as EventStoreError:
            Check(name, .failed, error.message, remedy: error.remedy ?? remedy, error: error)
        default: Check(name, .failed, "\(error)", remedy: remedy, error: error)
        }
    }
}
