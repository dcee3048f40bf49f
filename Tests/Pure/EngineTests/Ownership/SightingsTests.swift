import Engine
import Testing

@Suite("Whether an owner lives")
struct SightingsTests {
    private let start = ContinuousClock.now

    private func ownership(isExpired: Bool = false, isOfOtherRun: Bool = false) -> Ownership {
        Ownership(
            leaseID: "a",
            process: ProcessIdentity(host: "elsewhere", boot: "", pidNamespace: "", pid: 7, started: 0),
            leaseTime: .seconds(10),
            isExpired: isExpired,
            isOfOtherRun: isOfOtherRun
        )
    }

    @Test("The server's clock judges a lease that was renewed in its present run")
    func sameRun() {
        let sightings = Sightings()
        #expect(sightings.judge(ownership(), at: start) == .lives)
        #expect(sightings.judge(ownership(isExpired: true), at: start) == .isGone)
    }

    @Test("A lease of another run is watched for one lease time by the watcher's own clock")
    func otherRun() {
        let sightings = Sightings()
        let lease = ownership(isExpired: true, isOfOtherRun: true)
        let end = start + .seconds(10)
        #expect(sightings.judge(lease, at: start) == .isUnclear(until: end))
        #expect(sightings.judge(lease, at: start + .seconds(9)) == .isUnclear(until: end))
        #expect(sightings.judge(lease, at: end) == .isGone)
    }

    @Test("A lease that was renewed meanwhile is watched anew after the next run begins")
    func renewed() {
        let sightings = Sightings()
        let lease = ownership(isOfOtherRun: true)
        #expect(sightings.judge(lease, at: start) == .isUnclear(until: start + .seconds(10)))
        #expect(sightings.judge(ownership(), at: start + .seconds(5)) == .lives)
        #expect(sightings.judge(lease, at: start + .seconds(8)) == .isUnclear(until: start + .seconds(18)))
    }
}
