internal import Glibc
internal import Postgres

/// A PgBouncer of one test's own in transaction mode, in front of a server that the test has.
///
/// It listens on a socket in a temporary folder only, and is stopped and removed when the closure ends. As root it runs as
/// the user `postgres`, because PgBouncer refuses root.
public struct PrivatePgBouncer: Sendable {
    private let folder: String
    private let server: ConnectionString

    /// Starts a PgBouncer, lends it, and removes it.
    ///
    /// - Parameters:
    ///   - url: the server, reached through its socket; all clients become its user.
    ///   - sessions: how many sessions with the server the clients of a database share.
    public static func with<Result: Sendable>(
        before url: String,
        sessions: Int = 20,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (PrivatePgBouncer) async throws -> Result
    ) async throws -> Result {
        let name = "/tmp/refold-bouncer-\(UInt32.random(in: 0 ... .max))"
        let bouncer = PrivatePgBouncer(folder: name, server: try ConnectionString(url))
        guard mkdir(bouncer.folder, 0o700) == 0 else { throw PrivatePostgres.Failure(command: "mkdir", status: errno) }
        let outcome: Swift.Result<Result, any Error>
        do {
            outcome = .success(try await bouncer.run(sessions: sessions, body))
        } catch {
            outcome = .failure(error)
        }
        for file in ["bouncer.ini", "log", ".s.PGSQL.6432", ".s.PGSQL.6432.lock"] { unlink("\(name)/\(file)") }
        rmdir(name)
        return try outcome.get()
    }

    /// A libpq connection string that leads through it to the given database, or to the one that the server's names.
    public func url(to database: String? = nil) -> String {
        "host='\(folder)' port=6432 dbname='\(database ?? server.parameters["dbname"] ?? "postgres")' user=any"
    }

    private func run<Result: Sendable>(
        sessions: Int,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (PrivatePgBouncer) async throws -> Result
    ) async throws -> Result {
        try writeConfiguration(sessions: sessions)
        // Debian keeps it where only root looks.
        var command = ["sh", "-c", "PATH=\"$PATH:/usr/sbin\" exec pgbouncer --quiet \(folder)/bouncer.ini"]
        if geteuid() == 0 {
            let user = getpwnam("postgres")
            chown(folder, user?.pointee.pw_uid ?? 0, user?.pointee.pw_gid ?? 0)
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] + command
        }
        return try await ChildProcess.with(command) { process in
            try await wait(for: "PgBouncer's socket: \(process.errors)") {
                guard await process.isRunning else { throw Failure(description: process.errors) }
                // The socket's name is there before anybody listens.
                do {
                    let connection = try await PostgresConnection.connect(to: url())
                    await connection.close()
                    return true
                } catch { return false }
            }
            return try await body(self)
        }
    }

    private func writeConfiguration(sessions: Int) throws {
        let host = server.parameters["host"] ?? ""
        let text = """
            [databases]
            * = host=\(host) port=\(server.parameters["port"] ?? "5432") user=\(server.parameters["user"] ?? "postgres")
            [pgbouncer]
            unix_socket_dir = \(folder)
            listen_addr =
            listen_port = 6432
            logfile = \(folder)/log
            auth_type = any
            pool_mode = transaction
            max_client_conn = 500
            default_pool_size = \(sessions)
            """
        guard let file = fopen("\(folder)/bouncer.ini", "w") else {
            throw PrivatePostgres.Failure(command: "write bouncer.ini", status: errno)
        }
        fputs(text + "\n", file)
        fclose(file)
        chmod("\(folder)/bouncer.ini", 0o644)
    }

    /// PgBouncer did not start.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }
}
