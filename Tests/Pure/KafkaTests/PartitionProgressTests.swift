import Kafka
import Refold
import Testing

@Suite("A consumer's progress in a partition") struct PartitionProgressTests {
    private func event(_ position: Int64, after previous: Int64, epoch: Int64 = 1) -> RelayedRecord {
        RelayedRecord(
            .event(id: "e\(position)", typeVersion: 1),
            position: GlobalPosition(position),
            previous: GlobalPosition(previous),
            epoch: epoch
        )
    }

    private func marker(_ kind: RelayedRecord.Kind, _ position: Int64, after previous: Int64, epoch: Int64)
        -> RelayedRecord
    {
        RelayedRecord(
            kind,
            position: GlobalPosition(position),
            previous: GlobalPosition(previous),
            epoch: epoch
        )
    }

    @Test("begins with the first record of the partition") func beginning() {
        var progress = PartitionProgress()
        #expect(progress.take(event(7, after: 3), at: 100) == .gap(after: 0, through: 3))
        #expect(progress.progress == nil)
        #expect(progress.take(event(7, after: 0), at: 100) == .apply)
    }

    @Test("begins with whatever comes first where it may, and follows the chain") func chain() {
        var progress = PartitionProgress(mayBeginLate: true)
        #expect(progress.take(event(7, after: 3), at: 100) == .apply)
        #expect(progress.take(event(9, after: 7), at: 101) == .apply)
        #expect(progress.progress == KafkaProgress(epoch: 1, position: 9, offset: 102))
    }

    @Test("drops repetitions, of the same epoch and of a higher one") func repetitions() {
        var progress = PartitionProgress(KafkaProgress(epoch: 1, position: 9, offset: 5))
        #expect(progress.take(event(9, after: 7), at: 5) == .repeated)
        #expect(progress.take(event(7, after: 3, epoch: 2), at: 6) == .repeated)
        #expect(progress.take(event(9, after: 7, epoch: 2), at: 7) == .repeated)
        #expect(progress.take(event(12, after: 9, epoch: 2), at: 8) == .apply)
        #expect(progress.progress == KafkaProgress(epoch: 2, position: 12, offset: 9))
    }

    @Test("drops what a replaced relay still sends, even if it is new") func outdated() {
        var progress = PartitionProgress(KafkaProgress(epoch: 2, position: 9, offset: 5))
        #expect(progress.take(event(12, after: 9, epoch: 1), at: 5) == .outdated)
        #expect(progress.progress == KafkaProgress(epoch: 2, position: 9, offset: 6))
        #expect(progress.take(event(12, after: 9, epoch: 2), at: 6) == .apply)
    }

    @Test("names the events that did not come, and stays where it is") func gap() {
        var progress = PartitionProgress(KafkaProgress(epoch: 1, position: 9, offset: 5))
        #expect(progress.take(event(15, after: 12), at: 5) == .gap(after: 9, through: 12))
        #expect(progress.progress == KafkaProgress(epoch: 1, position: 9, offset: 5))
    }

    @Test("moves with markers, which are no events") func markers() {
        var progress = PartitionProgress(KafkaProgress(epoch: 1, position: 9, offset: 5))
        #expect(progress.take(marker(.marker, 40, after: 9, epoch: 1), at: 5) == .marker)
        #expect(progress.take(event(41, after: 40), at: 6) == .apply)
        #expect(progress.take(marker(.marker, 60, after: 50, epoch: 1), at: 7) == .gap(after: 41, through: 50))
    }

    @Test("reports a fork below what was applied, and passes one above it") func forks() {
        var progress = PartitionProgress(KafkaProgress(epoch: 1, position: 9, offset: 5))
        #expect(progress.take(marker(.fork(8), 8, after: 7, epoch: 2), at: 5) == .fork(8))
        #expect(progress.progress?.position == 9 && progress.progress?.epoch == 1)
        #expect(progress.take(marker(.fork(9), 9, after: 7, epoch: 2), at: 5) == .marker)
        // What the replaced relay had sent beyond it.
        #expect(progress.take(event(10, after: 9, epoch: 1), at: 6) == .outdated)
        #expect(progress.take(event(10, after: 9, epoch: 2), at: 7) == .apply)
    }

    @Test("applies each event once and in order, whatever a dying relay and its successor mix") func mixed() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            // Each relay begins at a checkpoint at or below what was sent, and the one before may still send.
            let positions = Array(1...60 as ClosedRange<Int64>)
            var log: [RelayedRecord] = []
            var (start, late) = (0, [RelayedRecord]())
            for epoch in 1...5 as ClosedRange<Int64> {
                let end = epoch == 5 ? positions.count : Int.random(in: start...positions.count, using: &generator)
                var sent = (start..<end).map { place in
                    event(positions[place], after: place == 0 ? 0 : positions[place - 1], epoch: epoch)
                }
                var place = min(1, sent.count)
                for record in late {
                    place = Int.random(in: place...sent.count, using: &generator)
                    sent.insert(record, at: place)
                    place += 1
                }
                late =
                    epoch == 5
                    ? []
                    : (end..<min(end + 3, 60)).map {
                        event(positions[$0], after: $0 == 0 ? 0 : positions[$0 - 1], epoch: epoch)
                    }
                log += sent
                start = Int.random(in: start...end, using: &generator)
            }
            var progress = PartitionProgress(KafkaProgress(epoch: 0, position: 0, offset: 0))
            var applied: [Int64] = []
            for (offset, record) in log.enumerated() {
                switch progress.take(record, at: Int64(offset)) {
                case .apply: applied.append(record.position.rawValue)
                case .gap, .fork, .marker: Issue.record("unexpected for \(record)")
                case .repeated, .outdated: break
                }
            }
            #expect(applied == positions)
        }
    }
}
