package import Refold

/// The live audience at a moment, and the peaks of the hour up to it.
package struct Audience: Sendable, Equatable {
    /// Where numbers came from.
    package enum Source: String, Sendable {
        case cache
        case database
    }

    /// The sessions that are live, by quality.
    package struct Viewers: Sendable, Equatable {
        /// The sessions of one quality. Qualities are bytes: two may be canonically equal.
        package struct Quality: Sendable, Equatable {
            package let name: String
            package let count: Int

            package init(name: String, count: Int) {
                self.name = name
                self.count = count
            }
        }

        package let total: Int
        /// Those with the most viewers, ``most`` of them at most: the greatest number first, of equal ones by the bytes of
        /// the name.
        package let byQuality: [Quality]

        /// More qualities are not listed.
        package static let most = 1000

        package init(total: Int, byQuality: [Quality]) {
            self.total = total
            let sorted = byQuality.sorted {
                $0.count != $1.count ? $0.count > $1.count : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
            }
            self.byQuality = Array(sorted.prefix(Self.most))
        }
    }

    /// The most viewers at once in one minute.
    package struct Peak: Sendable, Equatable {
        /// When the minute begins.
        package let minute: Timestamp
        package let viewers: Int

        package init(minute: Timestamp, viewers: Int) {
            self.minute = minute
            self.viewers = viewers
        }
    }

    /// The moment for which it is.
    package let moment: Timestamp
    /// For how long a heartbeat makes a session live.
    package let liveFor: Duration
    package let viewers: Viewers
    package let viewersFrom: Source
    /// One for each of the sixty minutes up to the moment's own, the oldest first.
    package let peaks: [Peak]
    package let peaksFrom: Source
    /// Why the cache was passed over, where it could not be asked.
    package var cacheProblem: String?
    /// The newest heartbeat of all, asked for only when nobody is live.
    package var newestHeartbeat: Timestamp?

    package init(
        moment: Timestamp,
        liveFor: Duration,
        viewers: Viewers,
        from viewersSource: Source,
        peaks: [Peak],
        from peaksSource: Source
    ) {
        self.moment = moment
        self.liveFor = liveFor
        self.viewers = viewers
        viewersFrom = viewersSource
        self.peaks = peaks
        peaksFrom = peaksSource
    }

    /// The sixty minutes up to a moment's own, each by its beginning, the oldest first; empty at the ends of time.
    package static func minutes(upTo moment: Timestamp) -> [Timestamp] {
        let minute: Int64 = 60_000_000
        let (first, overflow) = moment.rawValue.subtractingReportingOverflow(60 * minute)
        guard !overflow, moment.isFinite else { return [] }
        let start = first - ((first % minute) + minute) % minute
        return (1...60).map { Timestamp(microseconds: start + $0 * minute) }
    }
}
