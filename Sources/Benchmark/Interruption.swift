internal import Dispatch
internal import Foundation
internal import Synchronization

/// What is left to do when a signal ends the benchmark: its programs end too, and its folder is removed.
enum Interruption {
    private static let running = Mutex<Set<pid_t>>([])

    static func began(_ program: pid_t) { _ = running.withLock { $0.insert(program) } }

    static func ended(_ program: pid_t) { _ = running.withLock { $0.remove(program) } }

    /// Watches for SIGINT and SIGTERM until the sources are released.
    static func watch(_ workplace: Workplace) -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                running.withLock { programs in programs.forEach { kill($0, SIGTERM) } }
                workplace.remove()
                exit(128 + number)
            }
            source.resume()
            return source
        }
    }
}
