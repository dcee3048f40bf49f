import Engine
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Whether a log shrank, while it grows")
struct GrowingLogTests {
    @Test("A daemon that folds what is appended meanwhile does not make it look shorter")
    func growing() async throws {
        try await EngineSite.with { site in
            try await site.load(200)
            try await site.rebuild()
            // Stands for the writers and a daemon that is as fast as one can be.
            let growing = Task {
                let connection = try await PostgresConnection.connect(to: site.settings.databaseURL, PostgresOptions())
                while !Task.isCancelled {
                    try await connection.execute(
                        """
                        UPDATE refold.checkpoints SET position = nextval('events_global_position_seq')
                         WHERE generation = (SELECT live FROM refold.projections WHERE name = 'daily_totals')
                        """
                    )
                }
                await connection.close()
            }
            defer { growing.cancel() }
            let other = [try site.projection("trending_score")]
            for _ in 0..<40 { _ = try await site.engine.rebuild(RebuildRequest(other, until: 1)) }
            growing.cancel()
            try await growing.value
        }
    }
}
