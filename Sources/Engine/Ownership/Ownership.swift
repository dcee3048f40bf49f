internal import Postgres
internal import Refold

/// What a checkpoint says about its owner, as the server's clock judges it.
package struct Ownership: Sendable {
    /// The lease that the checkpoint names.
    package let leaseID: String
    /// The process that holds that lease.
    package let process: ProcessIdentity
    /// When it acquired the generation, microseconds since 2000-01-01 UTC.
    package let since: Int64?
    package let leaseTime: Duration
    /// The lease was not renewed in time.
    package let isExpired: Bool
    /// The lease was not renewed for ten times its time, so that no difference between two servers' clocks explains it.
    package let isLongExpired: Bool
    /// The lease was renewed last in another server run: what the clock says of that is worth nothing, since the
    /// renewals that followed may be lost, and a promoted server has another clock.
    package let isOfOtherRun: Bool

    package init(
        leaseID: String,
        process: ProcessIdentity,
        since: Int64? = nil,
        leaseTime: Duration = .seconds(10),
        isExpired: Bool = false,
        isLongExpired: Bool = false,
        isOfOtherRun: Bool = false
    ) {
        self.leaseID = leaseID
        self.process = process
        self.since = since
        self.leaseTime = leaseTime
        self.isExpired = isExpired
        self.isLongExpired = isLongExpired
        self.isOfOtherRun = isOfOtherRun
    }

    /// What another process that wants the generation can do.
    package enum Judgement: Sendable, Equatable {
        /// Take it: the owner is gone.
        case isGone
        /// Nothing: the owner lives.
        case lives
        /// Wait until this moment: a live owner renews the lease before.
        case isUnclear(until: ContinuousClock.Instant)
    }

    /// - Parameters:
    ///   - firstSeen: when the caller saw this lease of another run first, by its own clock.
    ///   - isDead: whether the process is known to have ended.
    package func judge(firstSeen: ContinuousClock.Instant, now: ContinuousClock.Instant, isDead: Bool) -> Judgement {
        if isDead { return .isGone }
        guard isOfOtherRun else { return isExpired ? .isGone : .lives }
        let end = firstSeen + leaseTime
        return now >= end ? .isGone : .isUnclear(until: end)
    }
}

extension Ownership {
    /// What is read of `refold.checkpoints c` and `refold.owners o` to judge an owner.
    static let columns = """
        o.id::text AS lease_id, o.host, o.boot, o.pid_namespace, o.started, o.pid, o.lease_milliseconds, c.owner_since,
        o.renewed_at + o.lease_milliseconds * interval '1 ms' < clock_timestamp() AS is_expired,
        o.renewed_at + 10 * o.lease_milliseconds * interval '1 ms' < clock_timestamp() AS is_long_expired,
        o.server_run IS DISTINCT FROM (SELECT id FROM refold.server_run) AS is_of_other_run
        """

    init(_ row: PostgresRow) throws {
        self.init(
            leaseID: try row.text("lease_id"),
            process: ProcessIdentity(
                host: try row.text("host"),
                boot: try row.text("boot"),
                pidNamespace: try row.text("pid_namespace"),
                pid: try row.int32("pid"),
                started: try row.int64("started")
            ),
            since: try row.optionalTimestamp("owner_since"),
            leaseTime: .milliseconds(try row.int64("lease_milliseconds")),
            isExpired: try row.bool("is_expired"),
            isLongExpired: try row.bool("is_long_expired"),
            isOfOtherRun: try row.bool("is_of_other_run")
        )
    }

    /// The owner, as an operator sees it.
    package var owner: Owner {
        Owner(host: process.host, pid: process.pid, since: since.map(Timestamp.init(microseconds:)))
    }

    /// Whether the owner is alive as far as can be known at once; a caller that acts on it uses ``Sightings``.
    var seemsAlive: Bool { !process.isKnownToBeDead && !(isOfOtherRun ? isLongExpired : isExpired) }
}
