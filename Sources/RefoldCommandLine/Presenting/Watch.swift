package import Refold

/// Shows a state once, or again and again.
package enum Watch {
    /// What is shown.
    package enum Output: Sendable {
        case json(JSON)
        case lines([String])
    }

    /// - Parameters:
    ///   - isRepeated: every second in the same place of the terminal, until interrupted; a failure that may pass is told,
    ///     and the next second tries again.
    ///   - isJSON: the terminal is not cleared.
    package static func run(isRepeated: Bool, isJSON: Bool, _ read: () async throws -> Output) async throws {
        guard isRepeated else { return print(try await read()) }
        while true {
            do {
                let output = try await read()
                if !isJSON { Console.clear() }
                print(output)
            } catch {
                // A user who watches wants to see the server come back.
                let failure = Failure(error)
                guard failure.isPassing, let line = failure.line else { throw error }
                Console.error(line)
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private static func print(_ output: Output) {
        switch output {
        case .json(let json): Console.out(json: json)
        case .lines(let lines): Console.out(lines: lines)
        }
    }
}
