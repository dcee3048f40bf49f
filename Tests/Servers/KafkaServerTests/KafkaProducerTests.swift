import Kafka
import TestSupport
import Testing

@Suite("A producer", .timeLimit(.minutes(5))) struct KafkaProducerTests {
    private func numbers(_ range: Range<Int>, _ topic: String, partitions: Int) -> KafkaBatch {
        var batch = KafkaBatch()
        for number in range {
            batch.append(
                KafkaRecord(
                    topic: topic,
                    partition: Int32(number % partitions),
                    key: Array("k\(number)".utf8),
                    value: Array("\(number)".utf8),
                    headers: [KafkaHeader("number", Array("\(number)".utf8)), KafkaHeader("empty", [])]
                )
            )
        }
        return batch
    }

    /// What a new group finds, by partition and in order, until there are so many.
    private func received(_ kafka: KafkaCluster, _ topic: String, _ count: Int) async throws -> [Int32: [KafkaMessage]]
    {
        let messages = try kafka.subscribe([topic], group: "readers-\(UInt32.random(in: 0 ... .max))")
        var found: [Int32: [KafkaMessage]] = [:]
        for try await message in messages {
            found[message.partition.number, default: []].append(message)
            if found.values.reduce(0, { $0 + $1.count }) == count { break }
        }
        await messages.close()
        return found
    }

    @Test("sends records with key and headers, in order within a partition") func order() async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 3)
            let kafka = KafkaCluster(KafkaSettings(bootstrapServers: [mock.servers]))
            let producer = try kafka.producer()
            try await producer.send(numbers(0..<3_000, "numbers", partitions: 3))
            await producer.close()
            let found = try await received(kafka, "numbers", 3_000)
            for partition in 0..<3 as Range<Int32> {
                let values = found[partition, default: []].map { String(decoding: $0.value ?? [], as: UTF8.self) }
                #expect(values == stride(from: Int(partition), to: 3_000, by: 3).map { "\($0)" })
            }
            let first = try #require(found[1]?.first)
            #expect(first.key == Array("k1".utf8))
            #expect(first.header("number") == Array("1".utf8) && first.header("empty") == [])
            #expect(first.header("other") == nil)
        }
    }

    @Test("waits while brokers are away, and loses nothing") func brokersAway() async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 1)
            let kafka = KafkaCluster(KafkaSettings(bootstrapServers: [mock.servers]))
            let producer = try kafka.producer()
            try await producer.send(numbers(0..<10, "numbers", partitions: 1))
            try await mock.goDown()
            let delivery = try await producer.schedule(numbers(10..<20, "numbers", partitions: 1))
            try await wait(for: "the producer to notice") { producer.trouble?.code == .unreachable }
            #expect(!delivery.isOver)
            try await mock.comeUp()
            try await delivery.value()
            #expect(producer.trouble == nil)
            await producer.close()
            #expect(try await received(kafka, "numbers", 20)[0]?.map(\.offset) == Array(0..<20))
        }
    }

    @Test("keeps the order when requests fail and are repeated") func retries() async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 1)
            let kafka = KafkaCluster(KafkaSettings(bootstrapServers: [mock.servers]))
            let producer = try kafka.producer()
            // Not enough replicas, not the leader, a lost connection.
            try await mock.command("errors 0 19 6 -195 19")
            for start in stride(from: 0, to: 2_000, by: 100) {
                _ = try await producer.schedule(numbers(start..<(start + 100), "numbers", partitions: 1))
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(try await producer.flush(within: .seconds(60)))
            await producer.close()
            let values = try await received(kafka, "numbers", 2_000)[0]?.map {
                String(decoding: $0.value ?? [], as: UTF8.self)
            }
            #expect(values == (0..<2_000).map { "\($0)" })
        }
    }

    @Test("gives up what is on its way when it is purged or closed") func purge() async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 1)
            let kafka = KafkaCluster(KafkaSettings(bootstrapServers: [mock.servers]))
            let producer = try kafka.producer()
            try await producer.send(numbers(0..<1, "numbers", partitions: 1))
            try await mock.goDown()
            let purged = try await producer.schedule(numbers(1..<10, "numbers", partitions: 1))
            producer.purge()
            let failure = await #expect(throws: KafkaError.self) { try await purged.value() }
            #expect(failure?.code == .purged)
            let closed = try await producer.schedule(numbers(1..<10, "numbers", partitions: 1))
            await producer.close()
            await #expect(throws: KafkaError.self) { try await closed.value() }
        }
    }

    @Test("keeps no more than its queue holds, and a caller that waits for room can be cancelled") func bounded()
        async throws
    {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 1)
            let producer = try KafkaCluster(KafkaSettings(bootstrapServers: [mock.servers])).producer()
            try await mock.goDown()
            let batch = numbers(0..<(KafkaProducer.queueCount + 1), "numbers", partitions: 1)
            let sending = Task { try await producer.schedule(batch) }
            try await wait(for: "a full queue") { producer.pendingCount == KafkaProducer.queueCount }
            sending.cancel()
            let failure = await #expect(throws: KafkaError.self) { try await sending.value }
            #expect(failure?.code == .cancelled)
            await producer.close()
            #expect(producer.pendingCount == 0)
        }
    }

    @Test("refuses a partition that there is not, and properties that it relies on") func refusals() async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 1)
            let settings = KafkaSettings(bootstrapServers: [mock.servers])
            let producer = try KafkaCluster(settings).producer()
            try await producer.send(numbers(0..<1, "numbers", partitions: 1))
            let record = KafkaRecord(topic: "numbers", partition: 7, value: [])
            let failure = await #expect(throws: KafkaError.self) { try await producer.send(record) }
            #expect(failure?.code == .unknownTopic)
            await producer.close()
            var wrong = settings
            wrong.properties["acks"] = "1"
            #expect(throws: KafkaError.self) { _ = try KafkaCluster(wrong).producer() }
            wrong.properties = ["no.such.property": "1"]
            let refused = #expect(throws: KafkaError.self) { _ = try KafkaCluster(wrong).producer() }
            #expect(refused?.code == .configuration && refused?.message.contains("no.such.property") == true)
        }
    }

    @Test(
        "lets nobody change what it relies on, under another name either",
        arguments: [
            ("delivery.timeout.ms", "1000", "message.timeout.ms is 0"), ("message.timeout.ms", "300000", "it is 0"),
            ("request.required.acks", "1", "acks is all"), ("acks", "0", "it is all"),
            ("metadata.broker.list", "127.0.0.1:2", "bootstrap.servers is 127.0.0.1:1"),
            ("bootstrap.servers", "127.0.0.1:2", "it is 127.0.0.1:1"),
            ("max.in.flight", "5", "max.in.flight.requests.per.connection is 1"),
            ("delivery.report.only.error", "true", "it is false"),
            ("transactional.id", "relay", "no transaction is begun here"),
            ("topic.blacklist", "num.*", "records of topics that are not seen would wait for ever"),
        ]
    )
    func fixed(_ name: String, _ value: String, _ reason: String) throws {
        let settings = KafkaSettings(bootstrapServers: ["127.0.0.1:1"], properties: [name: value])
        let failure = #expect(throws: KafkaError.self) { _ = try KafkaCluster(settings).producer() }
        #expect(failure?.code == .configuration)
        #expect(failure?.message == "\(name) cannot be set: \(reason)")
    }

    @Test("takes properties that change nothing it relies on") func free() async throws {
        let settings = KafkaSettings(
            bootstrapServers: ["127.0.0.1:1"],
            properties: [
                "acks": "-1", "delivery.timeout.ms": "0", "metadata.broker.list": "127.0.0.1:1", "client.id": "mine",
                "queue.buffering.max.ms": "1", "compression.codec": "lz4", "message.max.bytes": "2000000",
            ]
        )
        let producer = try KafkaCluster(settings).producer()
        await producer.close()
    }

    // MARK: Records that are too large

    /// A record as a relay sends it.
    private func append(event position: Int64, _ bytes: Int, to batch: inout KafkaBatch, partition: Int32 = 0) {
        batch.appendHeader(RelayHeader.eventID) { $0 += "id-\(position)".utf8 }
        batch.appendHeader(RelayHeader.position, position)
        let topic = batch.place(of: "numbers")
        batch.append(to: topic, partition: partition, key: nil) { $0 += [UInt8](repeating: 120, count: bytes) }
    }

    @Test("names the event that is too large for it") func tooLarge() async throws {
        let settings = KafkaSettings(bootstrapServers: ["127.0.0.1:1"])
        let producer = try KafkaCluster(settings).producer()
        var batch = KafkaBatch()
        append(event: 16, 10, to: &batch)
        append(event: 17, 2_000_000, to: &batch)
        let failure = await #expect(throws: KafkaError.self) { _ = try await producer.schedule(batch) }
        #expect(failure?.code == .tooLarge)
        #expect(failure?.operation == "send to numbers, partition 0, event id-17 at position 17")
        #expect(failure?.message == "its value of 2000000 bytes is larger than message.max.bytes allows")
        await producer.close()
    }

    @Test("refuses a record that is larger than its queue, rather than wait for ever", .timeLimit(.minutes(1)))
    func largerThanTheQueue() async throws {
        let settings = KafkaSettings(
            bootstrapServers: ["127.0.0.1:1"],
            properties: ["message.max.bytes": "100000000"]
        )
        let producer = try KafkaCluster(settings).producer()
        var batch = KafkaBatch()
        append(event: 16, 64 << 20, to: &batch)
        _ = try await producer.schedule(batch)
        producer.purge()
        #expect(try await producer.flush(within: .seconds(10)))
        batch = KafkaBatch()
        append(event: 17, 64 << 20 + 1, to: &batch)
        let failure = await #expect(throws: KafkaError.self) { _ = try await producer.schedule(batch) }
        #expect(failure?.code == .tooLarge)
        #expect(failure?.description.contains("event id-17 at position 17: a value of 67108865 bytes") == true)
        await producer.close()
    }

    @Test("fails everything on its way for the reason of the record that a broker refused", arguments: 1...8)
    func refusedByTheBroker(_ attempt: Int) async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("numbers", partitions: 8)
            let producer = try KafkaCluster(KafkaSettings(bootstrapServers: [mock.servers])).producer()
            try await producer.send(numbers(0..<8, "numbers", partitions: 8))
            // The message is too large.
            try await mock.command("errors 0 10")
            var deliveries: [KafkaDelivery] = []
            var failures: [KafkaError] = []
            do {
                for block in 0..<100 as Range<Int64> {
                    var batch = KafkaBatch()
                    for event in 1...50 as ClosedRange<Int64> {
                        append(event: block * 50 + event, 1_000, to: &batch, partition: Int32(event % 8))
                    }
                    deliveries.append(try await producer.schedule(batch))
                    if block == 50 { try await Task.sleep(for: .milliseconds(attempt)) }
                }
            } catch {
                failures.append(try #require(error as? KafkaError))
            }
            for delivery in deliveries {
                do throws(KafkaError) { try await delivery.value() } catch { failures.append(error) }
            }
            #expect(!failures.isEmpty && failures.allSatisfy { $0.code == .tooLarge }, "\(Set(failures))")
            let operation = try #require(failures.first?.operation)
            #expect(Set(failures.map(\.operation)) == [operation])
            #expect(operation.hasPrefix("deliver to numbers, partition ") && operation.contains("event id-"))
            await producer.close()
        }
    }
}

@Suite("An admin client") struct KafkaAdminTests {
    @Test("counts partitions, and creates no topic by asking") func counts() async throws {
        try await PrivateKafka.with { mock in
            try await mock.createTopic("two", partitions: 2)
            let admin = try KafkaCluster(KafkaSettings(bootstrapServers: [mock.servers])).admin()
            #expect(try await admin.partitionCounts(of: ["two", "none"]) == ["two": 2])
            #expect(try await admin.partitionCounts(of: ["none"]) == [:])
        }
    }

    @Test("names the brokers that cannot be reached") func unreachable() async throws {
        let admin = try KafkaCluster(KafkaSettings(bootstrapServers: ["127.0.0.1:1"])).admin()
        let failure = await #expect(throws: KafkaError.self) {
            try await admin.partitionCounts(of: ["a"], within: .milliseconds(500))
        }
        #expect(failure?.code == .unreachable && failure?.description.contains("127.0.0.1:1") == true)
    }
}
