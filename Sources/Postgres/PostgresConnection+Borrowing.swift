extension PostgresConnection {
    /// Lends the session to the body and closes it when the body has ended, however it ends.
    ///
    ///     try await PostgresConnection.with(.connect(to: url)) { connection in … }
    public nonisolated(nonsending) static func with<R>(
        _ connection: PostgresConnection,
        _ body: (PostgresConnection) async throws -> R
    ) async throws -> R {
        let result = try await connection.closedOnFailure(of: body)
        await connection.close()
        return result
    }

    /// Lends the session to the body and closes it when the body throws: for a body whose result then owns the session.
    public nonisolated(nonsending) func closedOnFailure<R>(
        of body: (PostgresConnection) async throws -> R
    ) async throws -> R {
        do {
            return try await body(self)
        } catch {
            await close()
            throw error
        }
    }
}
