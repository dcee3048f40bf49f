internal import BlockingCalls
internal import CRdkafka
internal import Logging
internal import Synchronization

/// Sends records: each once and in the order of the calls within a partition, as long as the broker keeps what it knows of
/// this producer.
///
/// Idempotent, acknowledged by all replicas in sync, without a time limit for a record: while brokers are away, records
/// wait. The queue is bounded, and `schedule` waits while it is full. A record that a broker refuses for good ends the
/// producer, so that none behind it is sent; what was on its way then fails for the same reason. A caller makes another
/// one and begins again where the failure was.
public final class KafkaProducer: Sendable {
    /// How many records wait at most.
    public static let queueCount = 100_000
    /// How many bytes wait at most.
    static let queueKibibytes = 64 << 10

    private let client: KafkaClient
    private let poller: DeliveryPoller
    private let polling: Task<Void, Never>
    private let topics = Mutex<[String: TopicHandle]>([:])

    /// Makes a producer; no broker is asked for anything yet.
    ///
    /// - Throws: `configuration` for a property that librdkafka refuses, or that would change one relied on here.
    init(_ settings: KafkaSettings, logger: Logger?) throws(KafkaError) {
        client = try KafkaClient(
            RD_KAFKA_PRODUCER,
            settings,
            defaults: ["linger.ms": "5"],
            fixed: [
                "enable.idempotence": "true", "enable.gapless.guarantee": "true", "acks": "all",
                "message.timeout.ms": "0",
                // One request at a time for each broker: a retried one is then never overtaken, even by a broker that
                // has forgotten this producer's sequence numbers.
                "max.in.flight.requests.per.connection": "1",
                // Every delivery is waited for.
                "delivery.report.only.error": "false",
                "queue.buffering.max.messages": "\(Self.queueCount)",
                "queue.buffering.max.kbytes": "\(Self.queueKibibytes)",
            ],
            unset: [
                "transactional.id": "no transaction is begun here",
                "topic.blacklist": "records of topics that are not seen would wait for ever",
            ],
            events: RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR,
            context: KafkaContext(logger: logger, address: settings.address)
        )
        poller = DeliveryPoller(client)
        // Not a child task: it takes deliveries for every caller, until the producer is closed.
        polling = Task { [poller] in await poller.run() }
    }

    deinit {
        // A producer that was not closed gives up what is on its way.
        poller.stop()
    }

    /// Puts a batch into the queue, waiting for room as long as it takes.
    ///
    /// - Returns: the acknowledgement to come; nothing holds the caller to wait for it.
    /// - Throws: `tooLarge` for a record, `unknownTopic` for its partition, `cancelled`; what ended the producer: the
    ///   refusal of a record that was sent before, or `fatal`. Records before the one that failed are on their way.
    public func schedule(_ batch: KafkaBatch) async throws(KafkaError) -> KafkaDelivery {
        let delivery = KafkaDelivery(count: batch.count)
        guard batch.count > 0 else { return delivery }
        // Released by the last report; what is not queued is settled below.
        let opaque = Unmanaged.passRetained(delivery)
        var next = 0
        while true {
            let (reached, code) = enqueue(batch, from: next, opaque)
            next = reached
            if code == RD_KAFKA_RESP_ERR_NO_ERROR { return delivery }
            if let failure = poller.failure ?? failure(code, of: next, in: batch) {
                settle(opaque, batch.count - next, failure)
                throw failure
            }
            do {
                try await Task.sleep(for: .milliseconds(1))
            } catch {
                let cancelled = KafkaError(.cancelled, operation: "send", message: "it was cancelled")
                settle(opaque, batch.count - next, cancelled)
                throw cancelled
            }
        }
    }

    /// Why a record cannot be queued; nil where it may be in a moment, or the cause is known in a moment.
    private func failure(_ code: rd_kafka_resp_err_t, of index: Int, in batch: KafkaBatch) -> KafkaError? {
        // Its own reports tell why.
        let isFatal = rd_kafka_fatal_error(client.pointer, nil, 0) != RD_KAFKA_RESP_ERR_NO_ERROR
        if isFatal, !poller.isStopped { return nil }
        let operation = "send to \(batch.name(of: index))"
        let record = batch.records[index]
        switch code {
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
            // librdkafka counts values alone. A record that is larger than the whole queue would wait for ever.
            let limit = Self.queueKibibytes << 10
            guard record.value.count > limit else { return nil }
            let detail = "a value of \(record.value.count) bytes is larger than the queue of \(limit)"
            return client.error(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, operation, detail: detail)
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
            let detail = "its value of \(record.value.count) bytes is larger than message.max.bytes allows"
            return client.error(code, operation, detail: detail)
        default: return client.error(code, operation)
        }
    }

    /// Sends a batch and waits until it is acknowledged.
    public func send(_ batch: KafkaBatch) async throws(KafkaError) {
        try await schedule(batch).value()
    }

    /// Sends one record and waits until it is acknowledged.
    public func send(_ record: KafkaRecord) async throws(KafkaError) {
        var batch = KafkaBatch()
        batch.append(record)
        try await send(batch)
    }

    /// How many records are on their way.
    public var pendingCount: Int { Int(rd_kafka_outq_len(client.pointer)) }

    /// Why records wait: the last trouble with the brokers, until a record is acknowledged. Nil when there is none, or no
    /// record waits.
    public var trouble: KafkaError? { poller.failure ?? (pendingCount > 0 ? poller.trouble : nil) }

    /// Waits until nothing is on its way.
    ///
    /// - Returns: false when the time is over before.
    /// - Throws: `cancelled`.
    public func flush(within limit: Duration) async throws(KafkaError) -> Bool {
        let deadline = ContinuousClock.now + limit
        while pendingCount > 0 {
            guard ContinuousClock.now < deadline else { return false }
            do {
                try await Task.sleep(for: .milliseconds(1))
            } catch {
                throw KafkaError(.cancelled, operation: "flush", message: "it was cancelled")
            }
        }
        return true
    }

    /// Gives up everything that is on its way; their deliveries fail with `purged`. A record that a broker has received
    /// already may be in its log all the same.
    public func purge() {
        poller.notePurge()
        rd_kafka_purge(
            client.pointer,
            RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING
        )
    }

    /// Gives up what is on its way and ends. Takes a moment: the client's threads are waited for.
    public func close() async {
        purge()
        // The reports of what was given up. In a task of its own: a cancelled one does not wait.
        let deadline = ContinuousClock.now + .seconds(1)
        while pendingCount > 0, ContinuousClock.now < deadline {
            await Task { try? await Task.sleep(for: .milliseconds(1)) }.value
        }
        poller.stop()
        await polling.value
        topics.withLock { $0 = [:] }
    }

    // MARK: The queue

    /// - Returns: the first record that was not queued, and why.
    private func enqueue(
        _ batch: KafkaBatch,
        from start: Int,
        _ delivery: Unmanaged<KafkaDelivery>
    ) -> (Int, rd_kafka_resp_err_t) {
        let topics = batch.topics.map { handle(of: $0) }
        return batch.bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return (start, RD_KAFKA_RESP_ERR__INVALID_ARG) }
            var headers: [RefoldKafkaHeader] = []
            for index in start..<batch.records.count {
                let record = batch.records[index]
                headers.removeAll(keepingCapacity: true)
                for header in batch.headers[record.headers] {
                    headers.append(
                        RefoldKafkaHeader(
                            name: (base + header.name).assumingMemoryBound(to: CChar.self),
                            value: base + header.value.lowerBound,
                            size: header.value.count
                        )
                    )
                }
                let code = refold_kafka_produce(
                    client.pointer,
                    topics[record.topic].pointer,
                    record.partition,
                    record.key.map { base + $0.lowerBound },
                    record.key?.count ?? 0,
                    base + record.value.lowerBound,
                    record.value.count,
                    headers,
                    headers.count,
                    delivery.toOpaque()
                )
                if code != RD_KAFKA_RESP_ERR_NO_ERROR { return (index, code) }
            }
            return (batch.records.count, RD_KAFKA_RESP_ERR_NO_ERROR)
        }
    }

    private func handle(of topic: String) -> TopicHandle {
        topics.withLock { topics in
            if let handle = topics[topic] { return handle }
            let handle = TopicHandle(client, topic)
            topics[topic] = handle
            return handle
        }
    }
}

/// So many records of a batch will have no report.
private func settle(_ delivery: Unmanaged<KafkaDelivery>, _ count: Int, _ failure: KafkaError) {
    if delivery.takeUnretainedValue().settle(count, failure) { delivery.release() }
}

/// A topic of a client, released once.
private final class TopicHandle: Sendable {
    /// librdkafka's topics may be used from any thread.
    nonisolated(unsafe) let pointer: OpaquePointer
    private let client: KafkaClient

    init(_ client: KafkaClient, _ name: String) {
        guard let pointer = rd_kafka_topic_new(client.pointer, name, nil) else {
            preconditionFailure("no memory for a Kafka topic")
        }
        self.client = client
        self.pointer = pointer
    }

    deinit { rd_kafka_topic_destroy(pointer) }
}
