import Engine
import Refold
import Testing

/// What the watch tells a tail; no server.
@Suite("A tail's orders")
struct TailOrdersTests {
    private func isFinished(_ inbox: Inbox) async -> Bool { await !inbox.send(.init(headAt: 1)) }

    @Test("A pointer that has moved since the generation was opened ends what it takes")
    func moved() async {
        let (orders, inbox) = (TailOrders(), Inbox())
        orders.pointerIs(at: 1)
        #expect(orders.isToContinue, "nothing was opened")
        orders.opens(at: 1)
        orders.takes(from: inbox)
        orders.pointerIs(at: 1)
        #expect(orders.isToContinue && !orders.hasPointerMoved)
        orders.pointerIs(at: 2)
        #expect(!orders.isToContinue && orders.hasPointerMoved)
        #expect(await isFinished(inbox))
        orders.opens(at: 2)
        #expect(orders.isToContinue)
    }

    @Test("A projection that another daemon is to go on with ends what it takes")
    func share() async {
        let (orders, inbox) = (TailOrders(), Inbox())
        orders.opens(at: 1)
        orders.takes(from: inbox)
        orders.shareIs(true)
        #expect(await !isFinished(inbox))
        orders.shareIs(false)
        #expect(!orders.isMine && !orders.isToContinue && !orders.hasPointerMoved)
        #expect(await isFinished(inbox))
        orders.shareIs(true)
        #expect(orders.isToContinue)
    }

    @Test("What it is told between two inboxes ends the second one too")
    func between() async {
        let (orders, inbox) = (TailOrders(), Inbox())
        orders.opens(at: 1)
        orders.shareIs(false)
        orders.takes(from: inbox)
        #expect(await isFinished(inbox))
    }
}
