internal import Refold

extension Failure {
    /// Ends a command in which several things failed on their own: all lines are printed, the gravest code is the exit
    /// code. A conflict with another process is the least grave, so that it hides nothing.
    ///
    /// - Parameter asOneLine: all in one line, for mails from cron.
    static func throwWorst(of errors: [any Error], asOneLine: Bool) throws {
        let failures = errors.map { Failure($0) }
        guard let worst = worst(of: failures) else { return }
        let lines = failures.compactMap(\.line)
        if asOneLine {
            let prefix = "\(Program.name): "
            let rest = lines.dropFirst().map { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : $0 }
            Console.error((lines.prefix(1) + rest).joined(separator: "; "))
        } else {
            for line in lines { Console.error(line) }
        }
        throw SilentExit(code: worst.code)
    }

    /// The gravest failure; nil for none.
    package static func worst(of failures: [Failure]) -> Failure? {
        let gravity = [takenByOther, unavailable, inputOutput, data, usage, configuration, software]
        return failures.max { (gravity.firstIndex(of: $0.code) ?? 0) < (gravity.firstIndex(of: $1.code) ?? 0) }
    }
}
