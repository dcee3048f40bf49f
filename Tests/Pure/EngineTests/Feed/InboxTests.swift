import Engine
import Refold
import TestProjections
import Testing

@Suite("The inbox between the reader and a projection")
struct InboxTests {
    private let inbox = Inbox()

    private func block(_ number: Int64) -> FeedBlock { .block(after: number - 1, through: number) }

    @Test("Blocks come out in the order they went in; after the end there are none")
    func order() async {
        for number: Int64 in 1...3 { #expect(await inbox.send(block(number))) }
        inbox.finish()
        #expect(!inbox.isEmpty)
        #expect(await takeAll(inbox).map(\.through) == [1, 2, 3])
        #expect(inbox.isEmpty)
        #expect(await inbox.next() == nil)
        #expect(await !inbox.send(block(4)))
    }

    @Test("A full inbox makes the sender wait until there is room")
    func bounded() async {
        for number in 1...Int64(Inbox.capacity) {
            #expect(!inbox.isFull)
            #expect(await inbox.send(block(number)))
        }
        #expect(inbox.isFull)
        let sending = Task { [inbox] in await inbox.send(.block(after: 98, through: 99)) }
        #expect(await inbox.next()?.through == 1)
        #expect(await sending.value)
        inbox.finish()
        #expect(await takeAll(inbox).map(\.through.rawValue) == Array(2...Int64(Inbox.capacity)) + [99])
    }

    @Test("A receiver that waits gets the block when it comes")
    func waitingReceiver() async {
        let receiving = Task { [inbox] in await inbox.next()?.through }
        await Task.yield()
        #expect(await inbox.send(block(7)))
        #expect(await receiving.value == 7)
    }

    @Test("A receiver that waits is told of the end")
    func waitingAtTheEnd() async {
        let receiving = Task { [inbox] in await inbox.next()?.through }
        await Task.yield()
        inbox.finish()
        #expect(await receiving.value == nil)
    }

    @Test("A sender that waits is told when nobody takes any more, and nothing is kept")
    func abandoned() async {
        for number in 1...Int64(Inbox.capacity) { _ = await inbox.send(block(number)) }
        let sending = Task { [inbox] in await inbox.send(.block(after: 98, through: 99)) }
        await Task.yield()
        inbox.abandon()
        #expect(await !sending.value)
        #expect(inbox.isEmpty)
        #expect(await inbox.next() == nil)
        #expect(await !inbox.send(block(5)))
    }

    @Test("A sender that waits is told when the inbox is finished; what was in it can still be taken")
    func finishedWhileFull() async {
        for number in 1...Int64(Inbox.capacity) { _ = await inbox.send(block(number)) }
        let sending = Task { [inbox] in await inbox.send(.block(after: 98, through: 99)) }
        await Task.yield()
        inbox.finish()
        #expect(await !sending.value)
        #expect(await takeAll(inbox).count == Inbox.capacity)
    }

    @Test("Nothing is lost or doubled between a fast sender and a fast receiver")
    func many() async {
        let receiving = Task { [inbox] in await takeAll(inbox).map(\.through.rawValue) }
        for number: Int64 in 1...20_000 { _ = await inbox.send(block(number)) }
        inbox.finish()
        #expect(await receiving.value == Array(1...20_000))
    }

    @Test("A block says whether more is known to follow")
    func head() {
        #expect(FeedBlock.block(after: 0, through: 5, mark: 5).isAtHead)
        #expect(FeedBlock.block(after: 0, through: 5, mark: 4).isAtHead)
        #expect(!FeedBlock.block(after: 0, through: 5, mark: 6).isAtHead)
    }
}
