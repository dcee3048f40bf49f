internal import Glibc
internal import Postgres

/// Whether the disk has room for another generation of everything.
enum DiskSpace {
    /// Compares what is free with what a rebuild of all projections takes: as much as the live generations do.
    ///
    /// PostgreSQL does not tell what is free, so this takes a server on this machine, and the right to know where its
    /// data are.
    static func check(_ generations: [GenerationStatus], on connection: PostgresConnection) async -> Check {
        func bytes(_ role: GenerationStatus.Role) -> Int64 {
            generations.reduce(0) { $1.role == role ? $0 + $1.bytes : $0 }
        }
        let held = bytes(.live) + bytes(.kept) + bytes(.building) + bytes(.ready) + bytes(.retired)
        let needed = max(0, bytes(.live) - bytes(.building))
        let sizes = "generations take \(mebibytes(held)); a rebuild takes \(mebibytes(needed)) more until it ends"
        guard let free = await freeBytes(of: connection) else {
            return .warning("disk", "\(sizes); what is free cannot be told from here", remedy: "look on the server")
        }
        let found = "\(sizes); \(mebibytes(free)) are free"
        // Twice: the write-ahead log takes about as much again.
        if free > 2 * needed { return .passed("disk", found) }
        return .warning("disk", found, remedy: "make room, or drop what refold keeps for rollback")
    }

    private static func freeBytes(of connection: PostgresConnection) async -> Int64? {
        guard connection.address.hasPrefix("/"),
            let found = try? await connection.query("SELECT current_setting('data_directory', true)"),
            let folder = try? found.rows.first?.optionalText(0)
        else { return nil }
        var state = statvfs()
        guard statvfs(folder, &state) == 0 else { return nil }
        return Int64(state.f_bavail) * Int64(state.f_frsize)
    }

    private static func mebibytes(_ bytes: Int64) -> String { "\(bytes >> 20) MiB" }
}
