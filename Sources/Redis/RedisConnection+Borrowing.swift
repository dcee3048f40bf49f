extension RedisConnection {
    /// Lends the connection to the body and closes it when the body has ended, however it ends.
    ///
    ///     try await RedisConnection.with(.connect(to: url)) { connection in … }
    public nonisolated(nonsending) static func with<R>(
        _ connection: RedisConnection,
        _ body: (RedisConnection) async throws -> R
    ) async throws -> R {
        let result = try await connection.closedOnFailure(of: body)
        await connection.close()
        return result
    }

    /// Lends the connection to the body and closes it when the body throws: for a body whose result then owns the
    /// connection.
    public nonisolated(nonsending) func closedOnFailure<R>(
        of body: (RedisConnection) async throws -> R
    ) async throws -> R {
        do {
            return try await body(self)
        } catch {
            await close()
            throw error
        }
    }
}
