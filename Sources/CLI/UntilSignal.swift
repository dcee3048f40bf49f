internal import Logging
internal import ServiceLifecycle
internal import Synchronization
internal import UnixSignals

/// Runs work that SIGTERM and SIGINT cancel, and that ends cleanly then.
enum UntilSignal {
    /// How long the work may take to end before the process is given up.
    private static let limit: Duration = .seconds(5)

    /// - Returns: whether a signal ended the work.
    @discardableResult
    static func run(_ logger: Logger, _ work: @escaping @Sendable () async throws -> Void) async throws -> Bool {
        let service = Work(work: work)
        // What the group says about its services is no news to who started one.
        var quiet = logger
        quiet.logLevel = .critical
        var configuration = ServiceGroupConfiguration(
            services: [
                .init(
                    service: service,
                    successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .cancelGroup
                )
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: quiet
        )
        configuration.maximumGracefulShutdownDuration = limit
        try await ServiceGroup(configuration: configuration).run()
        return service.wasStopped.withLock { $0 }
    }

    private final class Work: Service {
        private let work: @Sendable () async throws -> Void
        let wasStopped = Mutex(false)

        init(work: @escaping @Sendable () async throws -> Void) {
            self.work = work
        }

        func run() async throws {
            try await withGracefulShutdownHandler {
                try await cancelWhenGracefulShutdown { try await self.work() }
            } onGracefulShutdown: {
                self.wasStopped.withLock { $0 = true }
            }
        }
    }
}
