import Engine
import EventStore
import Logging
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("One read that feeds every projection")
struct EventFeedTests {
    private struct Broken: Error {}

    private func feed(_ log: FakeLog, detachesSlow: Bool = false) -> EventFeed {
        EventFeed(source: log, detachesSlow: detachesSlow, logger: Logger(label: "test"))
    }

    private func join(_ feed: EventFeed, at position: GlobalPosition) async throws -> Inbox {
        try #require(await feed.join(at: position))
    }

    /// The positions of a projection that stands at `position` and passes over what it has.
    private func positions(_ blocks: [FeedBlock], after position: Int64) -> [Int64] {
        blocks.flatMap(\.positions).filter { $0 > position }
    }

    @Test("All who joined get every event up to the goal, in order, and then the end; each position is read once")
    func together() async throws {
        let log = FakeLog(through: 100, holes: [1, 50, 51, 100])
        let feed = feed(log)
        let (first, second) = (try await join(feed, at: 0), try await join(feed, at: 0))
        async let one = takeAll(first)
        async let other = takeAll(second)
        try await feed.run(until: 100)
        for blocks in [await one, await other] {
            #expect(positions(blocks, after: 0) == (1...100).filter { ![1, 50, 51, 100].contains($0) })
            #expect(blocks.last?.through == 100)
            #expect(blocks.map(\.isAtHead) == Array(repeating: false, count: 9) + [true])
        }
        #expect(log.reads == [1...100])
        #expect(await feed.hasFinished)
        #expect(await feed.position == 100)
    }

    @Test("A hole is crossed in a few reads, however long, up to the last of all positions")
    func longHole() async throws {
        let all: [Int64] = [1, 2, 100_000_000_000, .max - 1_000, .max]
        let log = SparseLog(all)
        let feed = EventFeed(source: log, detachesSlow: false, logger: Logger(label: "test"))
        let inbox = try await join(feed, at: 0)
        async let blocks = takeAll(inbox)
        try await feed.run(until: GlobalPosition(.max))
        #expect(await blocks.flatMap(\.positions) == all)
        #expect(log.readCount <= 6)
    }

    @Test("Who stands a little ahead gets what the other needs too, and passes over it")
    func ahead() async throws {
        let log = FakeLog(through: 40)
        let feed = feed(log)
        let (behind, ahead) = (try await join(feed, at: 5), try await join(feed, at: 25))
        async let one = takeAll(behind)
        async let other = takeAll(ahead)
        try await feed.run(until: 40)
        #expect(await positions(one, after: 5) == Array(6...40))
        #expect(await positions(other, after: 25) == Array(26...40))
        #expect(log.reads == [6...40])
    }

    @Test("While the mark is held below those who are ahead, those behind miss nothing that is between")
    func heldMark() async throws {
        // Checkpoints beyond the mark that a new reader knows, since a writer holds the sequence.
        let log = FakeLog(through: 60)
        let feed = feed(log)
        await feed.begin(at: 100)
        let (ahead, behind) = (try await join(feed, at: 100), try await join(feed, at: 40))
        async let one = takeAll(ahead)
        async let other = takeAll(behind)
        let running = Task { try await feed.run(until: nil) }
        try await wait(for: "what is below the mark") { await feed.position == 60 }
        log.grow(to: 130)
        try await wait(for: "the rest") { await feed.position == 130 }
        await feed.stop()
        try await running.value
        for (blocks, start) in [(await one, 100), (await other, 40)] as [([FeedBlock], Int64)] {
            #expect(positions(blocks, after: start) == Array((start + 1)...130))
            #expect(zip(blocks, blocks.dropFirst()).allSatisfy { $0.through >= $1.after })
        }
    }

    @Test("It does not read past its goal, and ends at once when everybody is there")
    func goal() async throws {
        let log = FakeLog(through: 1000)
        let feed = feed(log)
        let inbox = try await join(feed, at: 10)
        async let taken = takeAll(inbox)
        try await feed.run(until: 20)
        #expect(await taken.last?.through == 20)

        let other = self.feed(log)
        let there = try await join(other, at: 20)
        try await other.run(until: 20)
        #expect(await positions(takeAll(there), after: 0) == [])
        #expect(log.reads == [11...20])
    }

    @Test("Who joins at the head is told that it is there, without an event having to come")
    func joiningAtTheHead() async throws {
        let feed = feed(FakeLog(through: 20))
        let inbox = try await join(feed, at: 20)
        let running = Task { try await feed.run(until: nil) }
        let block = try #require(await inbox.next())
        #expect(block.isAtHead)
        #expect(block.through == 20)
        #expect(block.positions == [])
        await feed.stop()
        try await running.value
    }

    @Test("Who stands far behind reads on its own until it is near")
    func farBehind() async throws {
        let feed = feed(FakeLog(through: 0))
        await feed.begin(at: 50_000)
        #expect(await feed.join(at: GlobalPosition(50_000 - EventFeed.joiningDistance - 1)) == nil)
        #expect(await feed.join(at: GlobalPosition(50_000 - EventFeed.joiningDistance)) != nil)
    }

    @Test("Who joins while it runs misses nothing")
    func joiningLater() async throws {
        let log = FakeLog(through: 30)
        let feed = feed(log)
        let first = try await join(feed, at: 0)
        let running = Task { try await feed.run(until: 60) }
        var blocks = [try #require(await first.next())]
        while blocks.last?.through != 30 { blocks.append(try #require(await first.next())) }
        let second = try await join(feed, at: 12)
        async let one = takeAll(first)
        async let other = takeAll(second)
        log.grow(to: 60)
        try await running.value
        #expect(await positions(other, after: 12) == Array(13...60))
        // The first is given 13…30 once more; it has them and passes over them.
        #expect(await positions(one, after: 30) == Array(31...60))
        #expect(positions(blocks, after: 0) == Array(1...30))
    }

    @Test("It follows a log that grows until it is stopped, and then everybody is told")
    func following() async throws {
        let log = FakeLog(through: 0)
        let feed = feed(log)
        let inbox = try await join(feed, at: 0)
        let running = Task { try await feed.run(until: nil) }
        for mark: Int64 in [3, 4, 20] {
            log.grow(to: mark)
            var last: GlobalPosition?
            while last != GlobalPosition(mark) { last = try #require(await inbox.next()).through }
        }
        await feed.stop()
        try await running.value
        #expect(await inbox.next() == nil)
        #expect(try await join(feed, at: 20).next() == nil, "who joins a feed that has ended is told at once")
    }

    @Test("It can be stopped while a projection keeps it waiting")
    func stoppedWhileWaiting() async throws {
        let feed = feed(FakeLog(through: 10_000))
        let inbox = try await join(feed, at: 0)
        let running = Task { try await feed.run(until: nil) }
        try await wait(for: "the inbox to be full") { inbox.isFull }
        await feed.stop()
        let taken = await takeAll(inbox).count
        try await running.value
        #expect(taken <= Inbox.capacity + 1, "the block in hand may still come")
    }

    @Test("Who has gone holds up nobody")
    func abandoned() async throws {
        let feed = feed(FakeLog(through: 1000))
        let (gone, staying) = (try await join(feed, at: 0), try await join(feed, at: 0))
        gone.abandon()
        async let taken = takeAll(staying)
        try await feed.run(until: 1000)
        #expect(await positions(taken, after: 0) == Array(1...1000))
    }

    @Test("Who keeps the others waiting is made to read on its own; the others get everything")
    func slow() async throws {
        let feed = feed(FakeLog(through: 1000), detachesSlow: true)
        let (slow, fast) = (try await join(feed, at: 0), try await join(feed, at: 0))
        async let taken = takeAll(fast)
        try await feed.run(until: 1000)
        #expect(await positions(taken, after: 0) == Array(1...1000))
        let rest = await takeAll(slow)
        #expect(positions(rest, after: 0) == Array(1...Int64(10 * Inbox.capacity)), "what waited is in order and whole")
    }

    @Test("One that is alone is never too slow")
    func alone() async throws {
        let feed = feed(FakeLog(through: 100), detachesSlow: true)
        let inbox = try await join(feed, at: 0)
        let running = Task { try await feed.run(until: 100) }
        try await wait(for: "the inbox to be full") { inbox.isFull }
        #expect(await positions(takeAll(inbox), after: 0) == Array(1...100))
        try await running.value
    }

    @Test("When reading fails everybody is told, and the failure is the run's")
    func failing() async throws {
        let log = FakeLog(through: 10)
        let feed = feed(log)
        let inbox = try await join(feed, at: 0)
        let running = Task { try await feed.run(until: nil) }
        #expect(await inbox.next()?.through == 10)
        log.fail(with: Broken())
        await #expect(throws: Broken.self) { try await running.value }
        #expect(await inbox.next() == nil)
        #expect(await feed.hasFinished)
    }
}
