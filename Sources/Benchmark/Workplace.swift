internal import Foundation

/// The programs that the benchmark runs, the private servers they are pointed at, and a folder for what they write.
struct Workplace {
    /// The address of a database of the private server that always exists.
    let address: String
    let folder: URL
    private let programs: URL

    init() throws {
        guard let address = ProcessInfo.processInfo.environment["REFOLD_DATABASE_URL"] else {
            throw Failure(description: "REFOLD_DATABASE_URL is not set — run ops/bench")
        }
        self.address = address
        // `refold` is built beside this program.
        programs = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        folder = FileManager.default.temporaryDirectory.appending(path: "refold-bench-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    /// A file with such a content, such as a script that another program reads.
    func file(_ name: String, _ content: [UInt8]) throws -> String {
        try Data(content).write(to: folder.appending(path: name))
        return path(name)
    }

    // MARK: Programs

    var refold: String { programs.appending(path: "refold").path }

    var mockCluster: String { programs.appending(path: "MockCluster").path }

    /// psql without anybody's start-up file, which stops at the first error.
    func psql(_ database: Database, _ arguments: [String]) -> [String] {
        ["psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", database.url] + arguments
    }

    /// pgbench comes with the server, and Debian keeps it beside the server's programs.
    func pgbench() throws -> String {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        for folder in folders + versions.map({ "/usr/lib/postgresql/\($0)/bin" })
        where FileManager.default.isExecutableFile(atPath: folder + "/pgbench") { return folder + "/pgbench" }
        throw Failure(description: "pgbench is not there — it comes with the package of the PostgreSQL server")
    }

    /// Runs a program to its end, and returns what it wrote to standard output.
    @discardableResult
    func run(_ command: [String], environment: [String: String] = [:], output: String? = nil) async throws -> String {
        let program = try start(command, environment: environment, output: output)
        guard await program.end() == 0 else {
            throw Failure(description: "failed: \(command.joined(separator: " "))\n\(program.lastLines)")
        }
        return output == nil ? program.output : ""
    }

    /// Runs a program to its end, and returns how long it took and what it used.
    func measure(_ command: [String], environment: [String: String] = [:]) async throws -> Usage {
        let figures = path("usage")
        let started = ContinuousClock.now
        // The kernel counts the memory of the process that starts another as the other's; the program `time` has
        // little.
        try await run(["time", "-f", "%M %U %S", "-o", figures] + command, environment: environment)
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        let words = try String(contentsOfFile: figures, encoding: .utf8).split(whereSeparator: \.isWhitespace)
        let values = words.suffix(3).compactMap { Double($0) }
        guard values.count == 3 else { throw Failure(description: "`time` wrote \(words.joined(separator: " "))") }
        return Usage(seconds: seconds, processor: values[1] + values[2], mebibytes: Int((values[0] / 1024).rounded()))
    }

    /// Starts a program.
    func start(_ command: [String], environment: [String: String] = [:], output: String? = nil) throws -> Program {
        try Program(
            command,
            environment: environment,
            output: output ?? path("output-\(UUID())"),
            errors: path("errors-\(UUID())")
        )
    }
}

/// What one run of a program took.
struct Usage {
    /// Wall time.
    let seconds: Double
    /// Processor time of the process, the kernel's for it included, in seconds.
    let processor: Double
    /// The peak of its memory.
    let mebibytes: Int
}
