import Dispatch
import Glibc

/// A PostgreSQL server of one test's own, for tests that stop it, restart it, or hold snapshots open.
///
/// It listens on a socket in a temporary folder only, and is stopped and removed when the closure ends. As root it runs
/// as the user `postgres`, because PostgreSQL refuses root.
public struct PrivatePostgres: Sendable {
    /// How the server is stopped.
    public enum StopMode: String, Sendable {
        /// Sessions are ended, everything is written.
        case fast
        /// As after a power cut: the next start recovers.
        case immediate
    }

    /// A libpq connection string for a superuser.
    public var url: String { "host='\(folder)' port=5432 user=postgres dbname=postgres" }

    private let folder: String
    private let settings: [String: String]

    /// Makes a server, starts it, lends it, and removes it.
    ///
    /// - Parameter settings: server settings, such as `wal_level`.
    public static func with<Result: Sendable>(
        isolation: isolated (any Actor)? = #isolation,
        settings: [String: String] = [:],
        _ body: (PrivatePostgres) async throws -> Result
    ) async throws -> Result {
        let server = PrivatePostgres(folder: "/tmp/refold-test-\(UInt32.random(in: 0 ... .max))", settings: settings)
        guard mkdir(server.folder, 0o700) == 0 else { throw Failure(command: "mkdir", status: errno) }
        let outcome: Swift.Result<Result, any Error>
        do {
            try await server.create()
            try await server.start()
            outcome = .success(try await body(server))
        } catch {
            outcome = .failure(error)
        }
        await server.remove()
        return try outcome.get()
    }

    /// Starts the server and returns when it accepts connections.
    ///
    /// - Parameter asStandby: whether it stays in recovery from now on, as a standby whose primary is silent.
    public func start(asStandby: Bool = false) async throws {
        if asStandby { try await run("touch \(data)/standby.signal") }
        let all = [("listen_addresses", ""), ("unix_socket_directories", folder)] + settings.map { ($0.key, $0.value) }
        let options = all.map { "-c \($0.0)='\($0.1)'" }.joined(separator: " ")
        try await run("exec pg_ctl start --wait --silent -D \(data) -l \(folder)/log -o \"\(options)\"")
    }

    /// Stops the server and returns when it is down.
    public func stop(_ mode: StopMode = .fast) async throws {
        try await run("exec pg_ctl stop --wait --silent -D \(data) -m \(mode.rawValue)")
    }

    /// Makes a streaming standby of this server, starts it, lends it, and removes it.
    public func withStandby<Result: Sendable>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (PrivatePostgres) async throws -> Result
    ) async throws -> Result {
        let standby = PrivatePostgres(folder: "/tmp/refold-test-\(UInt32.random(in: 0 ... .max))", settings: settings)
        guard mkdir(standby.folder, 0o700) == 0 else { throw Failure(command: "mkdir", status: errno) }
        let outcome: Swift.Result<Result, any Error>
        do {
            if geteuid() == 0 { try await standby.run("chown postgres \(standby.folder)", asRoot: true) }
            try await standby.run(
                "exec pg_basebackup -h \(folder) -p 5432 -U postgres -D \(standby.data) -R -X stream -c fast"
            )
            try await standby.start()
            outcome = .success(try await body(standby))
        } catch {
            outcome = .failure(error)
        }
        await standby.remove()
        return try outcome.get()
    }

    /// Makes a standby the primary, and returns when it takes writes.
    public func promote() async throws {
        try await run("exec pg_ctl promote --wait --silent -D \(data)")
    }

    /// A libpq connection string for whichever of this server and another is the primary.
    public func url(or other: PrivatePostgres) -> String {
        "host='\(folder),\(other.folder)' port=5432,5432 user=postgres dbname=postgres target_session_attrs=primary"
    }

    private var data: String { "\(folder)/data" }

    private func create() async throws {
        if geteuid() == 0 { try await run("chown postgres \(folder)", asRoot: true) }
        try await run(
            "exec initdb --no-sync --auth=trust --username=postgres --encoding=UTF8 --locale=C -D \(data) > \(folder)/log"
        )
    }

    /// Cleans up as far as possible: the server may be down already.
    private func remove() async {
        try? await stop(.immediate)
        try? await run("rm -rf \(folder)", asRoot: true)
    }

    /// Runs a shell command to its end, with PostgreSQL's programs in its path, as the user who may run them.
    ///
    /// Spawned without Foundation: its `Process` waits until nobody holds a descriptor that the server inherits.
    private func run(_ command: String, asRoot: Bool = false) async throws {
        let script = "cd \(folder) && PATH=\"$(pg_config --bindir):$PATH\" && \(command)"
        let drop =
            geteuid() == 0 && !asRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
        let arguments = ["/usr/bin/env"] + drop + ["sh", "-c", script]
        let status: Int32 = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: Self.spawn(arguments)) }
        }
        guard status == 0 else { throw Failure(command: command, status: status) }
    }

    private static func spawn(_ arguments: [String]) -> Int32 {
        var pid: pid_t = 0
        let copies = arguments.map { strdup($0) }
        defer { copies.forEach { free($0) } }
        let error = posix_spawn(&pid, arguments[0], nil, nil, copies + [nil], environ)
        guard error == 0 else { return error }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return status
    }

    /// A command that a test needs did not do its work; its own words are on standard error.
    struct Failure: Error, CustomStringConvertible {
        let command: String
        let status: Int32
        var description: String { "status \(status): \(command)" }
    }
}
