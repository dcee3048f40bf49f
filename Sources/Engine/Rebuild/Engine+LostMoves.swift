internal import Logging
internal import Postgres
internal import Refold
internal import Timing

/// Moves of a pointer whose answer was lost.
extension Engine {
    /// Whether a transaction that was to point at a generation took effect, although its connection was lost.
    ///
    /// A move is never repeated blindly: a second reset would give up the rows that the first one kept, a second rollback
    /// would return to what the first one left.
    ///
    /// - Parameters:
    ///   - known: the pointer that the transaction was to move.
    ///   - generation: where to, as it was before.
    ///   - error: the loss.
    /// - Throws: ``EngineError/Code/pointerMoved`` when the pointer was moved by somebody else, and the database's error
    ///   when it cannot be asked for as long as ``EngineSettings/retryLimit`` says.
    func hasMoved(_ known: Pointer, to generation: Generation, because error: PostgresError) async throws -> Bool {
        let projection = generation.projection
        logger.notice("looking whether the pointer moved", metadata: ["cause": "\(error)"])
        var backoff = Backoff(limit: settings.retryLimit)
        while true {
            do {
                return try await withConnection(for: "look") { connection in
                    // The transaction may still be in progress, on a server that has not noticed the loss. It has the
                    // pointer's row.
                    let pointer = try await PointerStore(connection).pointer(of: projection, lock: true)
                    if pointer.revision == known.revision { return false }
                    if pointer.live == generation.number { return true }
                    // Moved once more since, or by somebody else instead.
                    let current = try await GenerationStore(connection).generation(generation.number)
                    if generation.state != .pointed && current?.state == .pointed { return true }
                    throw EngineError.pointerMoved(projection)
                }
            } catch {
                guard error.isTransient, let delay = backoff.next() else { throw error }
                try await time.sleep(for: delay)
            }
        }
    }
}
