internal import Glibc

/// Runs of the `refold` that was built with the tests.
public enum RefoldProcess {
    /// The binary: `REFOLD_TEST_BINARY`, else the one beside the running test bundle.
    public static var binary: String {
        if let given = getenv("REFOLD_TEST_BINARY") { return String(cString: given) }
        return beside("refold")
    }

    /// A program that was built with the running test bundle.
    public static func beside(_ name: String) -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count)
        let own = String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return own.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/\(name)"
    }

    /// Starts `refold`, lends the process, and kills it if it still runs when the body returns or throws.
    ///
    /// - Parameters:
    ///   - arguments: the command and its flags.
    ///   - environment: the whole environment of the process; PATH is added.
    public static func with<R>(
        _ arguments: [String],
        environment: [String: String],
        isolation: isolated (any Actor)? = #isolation,
        _ body: (ChildProcess) async throws -> R
    ) async throws -> R {
        try await ChildProcess.with([binary] + arguments, environment: environment, body)
    }

    /// Runs `refold` to its end.
    public static func run(
        _ arguments: [String],
        environment: [String: String],
        within limit: Duration = .seconds(120)
    ) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run([binary] + arguments, environment: environment, within: limit)
    }
}
