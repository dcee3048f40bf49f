internal import Dispatch
internal import Engine
internal import Glibc
package import Logging
internal import ServiceLifecycle
internal import Synchronization
internal import UnixSignals

/// Runs work that SIGTERM and SIGINT cancel, and that ends cleanly then; after five seconds the process ends without
/// it.
package enum SignalRunner {
    /// - Parameters:
    ///   - unfinished: what becomes of work that the time limit cuts off.
    ///   - onLimit: called from any thread shortly before the time limit: gives up what the work waits for.
    /// - Returns: whether a signal ended the work.
    /// - Throws: what the work throws; ``CutOff`` when the time limit ended it.
    @discardableResult
    package static func run(
        _ logger: Logger,
        unfinished: String = "what is not committed is folded again from the last commit by the next start",
        onLimit: @escaping @Sendable () -> Void = {},
        _ work: @escaping @Sendable () async throws -> Void
    ) async throws -> Bool {
        let service = Work(work: work)
        // The group's messages about its services are no news to the user who started one.
        var quiet = logger
        quiet.logLevel = .critical
        let configuration = ServiceGroupConfiguration(
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
        let limit = TimeLimit(cutOff: CutOff(unfinished: unfinished), onLimit: onLimit)
        limit.watch()
        defer { limit.lift() }
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch {
            // An error after that is of our own making.
            throw limit.wasReached ? limit.cutOff : error
        }
        if limit.wasReached { throw limit.cutOff }
        return service.wasStopped.withLock { $0 }
    }

    /// Runs the work of an engine to its end, and returns its result. A signal ends it early; when it completes all the
    /// same, its result counts.
    ///
    /// - Parameter unfinished: what becomes of work that a signal ended.
    /// - Throws: what the work throws; ``CutOff`` when a signal ended it.
    static func result<R: Sendable>(
        of engine: Engine,
        unfinished: String,
        _ work: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        let found = Mutex<Result<R, any Error>?>(nil)
        let wasStopped = try await run(engine.logger, unfinished: unfinished, onLimit: engine.abandonConnections) {
            let result: Result<R, any Error>
            do { result = .success(try await work()) } catch { result = .failure(error) }
            found.withLock { $0 = result }
        }
        switch found.withLock({ $0 }) {
        case .success(let result): return result
        case .failure(let error): throw wasStopped ? CutOff(unfinished: unfinished, tookTooLong: false) : error
        case nil: throw CutOff(unfinished: unfinished, tookTooLong: false)
        }
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

/// Work that a signal ended before it was done.
package struct CutOff: Error {
    /// What becomes of it.
    package let unfinished: String
    /// It was still under way when the time after the signal was over.
    package let tookTooLong: Bool

    package init(unfinished: String, tookTooLong: Bool = true) {
        self.unfinished = unfinished
        self.tookTooLong = tookTooLong
    }
}

/// Ends the process five seconds after the first signal, whatever its threads are doing: it relies on a thread of its
/// own and on nothing else in the process.
private final class TimeLimit: Sendable {
    private enum State {
        case waiting
        case signalled
        case reached
        case lifted
    }

    let cutOff: CutOff
    private let onLimit: @Sendable () -> Void
    private let state = Mutex(State.waiting)
    private let queue = DispatchQueue(label: "refold.time-limit")
    private let lastResort = DispatchQueue(label: "refold.time-limit.last-resort")
    private let sources = Mutex<[any DispatchSourceSignal]>([])

    init(cutOff: CutOff, onLimit: @escaping @Sendable () -> Void) {
        self.cutOff = cutOff
        self.onLimit = onLimit
    }

    /// Whether what still ran was given up.
    var wasReached: Bool { state.withLock { $0 == .reached } }

    func watch() {
        sources.withLock { sources in
            for signal in [SIGTERM, SIGINT] {
                let source = DispatchSource.makeSignalSource(signal: signal, queue: queue)
                source.setEventHandler { [self] in start() }
                source.resume()
                sources.append(source)
            }
        }
    }

    /// The work has ended.
    func lift() {
        state.withLock { $0 = .lifted }
        sources.withLock { for source in $0 { source.cancel() } }
    }

    private func start() {
        guard move(from: .waiting, to: .signalled) else { return }
        queue.asyncAfter(deadline: .now() + .milliseconds(4_500)) { [self] in
            if move(from: .signalled, to: .reached) { onLimit() }
        }
        queue.asyncAfter(deadline: .now() + .seconds(5)) { [self] in
            guard wasReached else { return }
            let failure = Failure(cutOff)
            if let line = failure.line { Console.error(line) }
            _exit(failure.code)
        }
        // Nobody may read stderr any more.
        lastResort.asyncAfter(deadline: .now() + .milliseconds(5_200)) { [self] in
            if wasReached { _exit(Failure(cutOff).code) }
        }
    }

    private func move(from: State, to next: State) -> Bool {
        state.withLock { state in
            guard state == from else { return false }
            state = next
            return true
        }
    }
}
