#if canImport(Glibc)
    internal import Glibc
#endif

extension Timestamp {
    /// The microseconds from 1970, which other clocks count from, to 2000.
    package static let microsecondsSince1970: Int64 = 946_684_800_000_000

    /// The time by this machine's clock, to the microsecond. No projection may ask for it.
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let since1970 = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
        return Timestamp(microseconds: since1970 - microsecondsSince1970)
    }
}
