import Kafka
import Synchronization
import TestSupport
import Testing

@Suite("A consumer group", .timeLimit(.minutes(5))) struct KafkaConsumerTests {
    private static let fast = ["session.timeout.ms": "6000", "heartbeat.interval.ms": "500"]

    private func cluster(_ mock: PrivateKafka) -> KafkaCluster {
        KafkaCluster(KafkaSettings(bootstrapServers: [mock.servers], properties: [:]))
    }

    private func consuming(_ mock: PrivateKafka) -> KafkaCluster {
        KafkaCluster(KafkaSettings(bootstrapServers: [mock.servers], properties: Self.fast))
    }

    private func send(_ range: Range<Int>, partitions: Int, _ mock: PrivateKafka) async throws {
        let producer = try cluster(mock).producer()
        var batch = KafkaBatch()
        for number in range {
            let partition = Int32(number % partitions)
            batch.append(KafkaRecord(topic: "numbers", partition: partition, value: Array("\(number)".utf8)))
        }
        try await producer.send(batch)
        await producer.close()
    }

    private func number(_ message: KafkaMessage) -> Int? { Int(String(decoding: message.value ?? [], as: UTF8.self)) }

    @Test("begins again after the last commit") func commits() async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 1)
            try await send(0..<100, partitions: 1, mock)
            let first = try consuming(mock).subscribe(["numbers"], group: "g")
            for try await message in first where number(message) == 41 {
                try await first.commit(message)
                break
            }
            await first.close()
            let second = try consuming(mock).subscribe(["numbers"], group: "g")
            for try await message in second {
                #expect(number(message) == 42)
                break
            }
            await second.close()
        }
    }

    @Test("starts at the offsets that are given when partitions are assigned") func offsets() async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 2)
            try await send(0..<100, partitions: 2, mock)
            let messages = try consuming(mock).subscribe(["numbers"], group: "g") { change in
                guard case .assigned(let partitions) = change else { return [:] }
                #expect(partitions.sorted() == [KafkaPartition("numbers", 0), KafkaPartition("numbers", 1)])
                return Dictionary(uniqueKeysWithValues: partitions.map { ($0, 49) })
            }
            var found: Set<Int?> = []
            for try await message in messages {
                found.insert(number(message))
                if found.count == 2 { break }
            }
            await messages.close()
            #expect(found == [98, 99])
        }
    }

    /// What the members of a group have seen and own.
    private final class Group: Sendable {
        let owned = Mutex<[String: [KafkaPartition]]>([:])
        let seen = Mutex<Set<Int>>([])

        func count(of member: String) -> Int? { owned.withLock { $0[member]?.count } }
    }

    private func run(_ name: String, of group: Group, _ mock: PrivateKafka) async throws {
        let messages = try consuming(mock).subscribe(["numbers"], group: "g") { change in
            group.owned.withLock { owned in
                switch change {
                case .assigned(let partitions): owned[name] = partitions
                case .revoked: owned[name] = []
                }
            }
            return [:]
        }
        for try await message in messages {
            if let number = number(message) { _ = group.seen.withLock { $0.insert(number) } }
            try await messages.scheduleCommit([message.partition: message.offset + 1])
        }
        await messages.close()
    }

    @Test("shares the partitions among its members, and what one leaves another takes over") func sharing()
        async throws
    {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 4)
            let group = Group()
            let first = Task { try await run("a", of: group, mock) }
            try await wait(for: "all partitions to be one member's") { group.count(of: "a") == 4 }
            let second = Task { try await run("b", of: group, mock) }
            try await wait(for: "two members to share") { group.count(of: "a") == 2 && group.count(of: "b") == 2 }
            try await send(0..<400, partitions: 4, mock)
            try await wait(for: "all records") { group.seen.withLock { $0.count == 400 } }
            second.cancel()
            try await second.value
            try await wait(for: "one member to have all again") { group.count(of: "a") == 4 }
            try await send(400..<500, partitions: 4, mock)
            try await wait(for: "the rest") { group.seen.withLock { $0.count == 500 } }
            first.cancel()
            try await first.value
        }
    }

    @Test("survives brokers that go away, and ends in time while they are") func brokersAway() async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 1)
            try await send(0..<10, partitions: 1, mock)
            let messages = try consuming(mock).subscribe(["numbers"], group: "g")
            let count = Mutex(0)
            let reading = Task {
                for try await _ in messages { count.withLock { $0 += 1 } }
            }
            try await wait(for: "the first records") { count.withLock { $0 == 10 } }
            try await mock.goDown()
            try await wait(for: "the trouble to be known") { messages.trouble?.code == .unreachable }
            try await mock.comeUp()
            try await send(10..<20, partitions: 1, mock)
            try await wait(for: "the other records") { count.withLock { $0 == 20 } }
            try await mock.goDown()
            reading.cancel()
            try await reading.value
            let start = ContinuousClock.now
            await messages.close(within: .seconds(1))
            #expect(ContinuousClock.now - start < .seconds(4))
        }
    }

    @Test("reads no more than a slow consumer asks for") func backPressure() async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 1)
            try await send(0..<5_000, partitions: 1, mock)
            let messages = try consuming(mock).subscribe(["numbers"], group: "g")
            let few = try #require(try await messages.nextMessages(limit: 7))
            #expect((1...7).contains(few.count) && few.first?.offset == 0)
            let more = try #require(try await messages.nextMessages(limit: 7))
            #expect(more.first?.offset == Int64(few.count))
            await messages.close()
        }
    }
}
