package import EventStore
internal import Logging
package import Postgres
package import Refold
internal import Timing

extension Engine {
    /// Samples the mark on a session, at the pace of the settings, and tells of a transaction that keeps it back.
    ///
    /// - Parameter mark: what is known of it.
    package func makeMarkWatcher(
        on connection: PostgresConnection,
        _ store: ValidatedStore,
        from mark: GlobalPosition
    ) -> MarkWatcher {
        let probe = HighWaterMarkProbe(connection, store, from: mark, time: time)
        let pacing = SamplePacing(idle: settings.idleInterval)
        return MarkWatcher(probe, pacing: pacing, time: time) { [logger, metrics] hold, details in
            metrics.waitedForMark()
            logger.warning(
                "waiting for a transaction that may still commit an event at position \(hold.position)",
                metadata: ["holder": "\(details.map { "\($0)" } ?? hold.transaction.virtualTransaction)"]
            )
        }
    }
}
