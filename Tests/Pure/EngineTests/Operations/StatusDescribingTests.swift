import Engine
import Refold
import TestProjections
import Testing

@Suite("What status says of what is stored")
struct StatusDescribingTests {
    private static let identity = GenerationIdentity(of: Shelf(), store: "public.events")
    private static let owner = Ownership(
        leaseID: "a",
        process: ProcessIdentity(host: "elsewhere", boot: "", pidNamespace: "", pid: 7, started: 0)
    )

    private func record(
        _ number: GenerationNumber,
        _ state: GenerationState,
        at position: GlobalPosition = 100,
        isReadable: Bool = true,
        _ change: (inout GenerationRecord) -> Void = { _ in }
    ) -> GenerationRecord {
        var record = GenerationRecord(
            number: number,
            identity: Self.identity.text,
            state: state,
            phase: isReadable ? .settled : .memory,
            isReadable: isReadable,
            position: position
        )
        change(&record)
        return record
    }

    private func status(live: GenerationNumber?, _ records: GenerationRecord...) -> ProjectionStatus {
        ProjectionStatus("shelf", live: live, records, identity: Self.identity)
    }

    @Test("Without a generation it is empty, and all of the log is lag")
    func empty() {
        var status = status(live: nil)
        status.compare(with: 10, lagTime: .seconds(3))
        #expect(status.state == .empty && status.live == nil && status.building == nil && status.cause == nil)
        #expect(status.position == .zero && status.lag == 10 && status.lagTime == .seconds(3))
    }

    @Test("A live generation that nobody advances wants attention once it is behind")
    func live() {
        var status = status(live: 3, record(3, .pointed))
        status.compare(with: 100, lagTime: .zero)
        #expect(status.state == .live && status.position == 100 && status.cause == nil)
        status.compare(with: 101, lagTime: .seconds(1))
        #expect(status.cause == "nobody keeps it up with the log: start refold tail")
    }

    @Test("An owner whose lease lives tails; what one that is gone has left is no rate")
    func owner() {
        let tailing = status(live: 3, record(3, .pointed) { ($0.ownership, $0.rate) = (Self.owner, 7) })
        #expect(tailing.state == .tailing && tailing.owner?.host == "elsewhere" && tailing.rate == 7)
        let gone = Ownership(leaseID: "a", process: Self.owner.process, isExpired: true)
        let left = status(live: 3, record(3, .pointed) { ($0.ownership, $0.rate) = (gone, 7) })
        #expect(left.state == .live && left.owner == nil && left.rate == nil)
    }

    @Test("What an owner waits for is its own cause, and what all of its sessions wait for while it lives")
    func waits() {
        let own = status(live: 3, record(3, .pointed) { ($0.ownWait, $0.commonWait) = ("a lock", "a standby") })
        #expect(own.cause == "a lock" && own.state == .live)
        let nobody = status(live: 3, record(3, .pointed) { $0.commonWait = "a standby" })
        #expect(nobody.cause == nil)
        let common = status(live: 3, record(3, .pointed) { ($0.ownership, $0.commonWait) = (Self.owner, "a standby") })
        #expect(common.cause == "a standby")
    }

    @Test("A stored cause stops it, whatever else there is to say")
    func stopped() {
        let status = status(
            live: 3,
            record(3, .pointed) { record in
                record.cause = "an event was refused"
                record.ownWait = "a lock"
                record.ownership = Self.owner
            }
        )
        #expect(status.state == .stopped && status.cause == "an event was refused")
    }

    @Test("A live generation without readable rows stands at zero, and is the one that is built")
    func unreadable() {
        let status = status(live: 3, record(3, .pointed, at: 50, isReadable: false))
        #expect(status.live == 3 && status.position == .zero)
        #expect(status.building?.generation == 3 && status.building?.position == 50)
        #expect(status.building?.state == .pointed && status.building?.phase == .memory)
    }

    @Test("An owned rebuild beside a live generation that nobody tails is a rebuild")
    func rebuilding() {
        let owned = record(4, .building, at: 20, isReadable: false) { ($0.ownership, $0.target) = (Self.owner, 100) }
        let rebuilding = status(live: 3, owned, record(3, .pointed))
        #expect(rebuilding.state == .rebuilding && rebuilding.building?.target == 100)
        let tailed = status(live: 3, owned, record(3, .pointed) { $0.ownership = Self.owner })
        #expect(tailed.state == .tailing)
        let interrupted = status(live: 3, record(4, .building), record(3, .pointed))
        #expect(interrupted.state == .live && interrupted.building?.owner == nil)
    }

    @Test("A generation of another version is named as such, with the remedy")
    func otherIdentity() {
        let other = GenerationRecord(
            number: 3,
            version: 2,
            identity: "2:other",
            state: .pointed,
            phase: .settled,
            isReadable: true
        )
        #expect(status(live: 3, other).cause?.contains("version 2") == true)
        #expect(status(live: 3, other).cause?.hasSuffix("rebuild") == true)
    }
}
