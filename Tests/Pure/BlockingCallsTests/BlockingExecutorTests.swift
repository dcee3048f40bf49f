import BlockingCalls
import Dispatch
import Testing

@Suite("A blocking executor")
struct BlockingExecutorTests {
    private actor Confined {
        private let executor = BlockingExecutor(label: "test")
        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
        private(set) var order: [Int] = []

        func append(_ number: Int) {
            executor.checkIsolated()
            order.append(number)
        }

        func wait(on semaphore: DispatchSemaphore) {
            semaphore.wait()
        }
    }

    @Test("runs an actor's jobs on its own queue")
    func confines() async {
        let actor = Confined()
        for number in 0..<100 {
            await actor.append(number)
        }
        #expect(await actor.order == Array(0..<100))
    }

    @Test("blocks nobody else, even with many more blocked executors than cores")
    func blocksNobody() async {
        let semaphore = DispatchSemaphore(value: 0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<32 {
                let actor = Confined()
                group.addTask { await actor.wait(on: semaphore) }
            }
            let free = Confined()
            await free.append(1)
            #expect(await free.order == [1])
            for _ in 0..<32 {
                semaphore.signal()
            }
        }
    }
}
