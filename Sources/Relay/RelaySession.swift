internal import Engine
internal import EventStore
internal import Kafka
internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization
internal import Timing

/// One epoch of a relay: from the checkpoint on until it is to stop, has caught up, or something fails.
///
///     FlushedMark ─▶ WholeEventReader ─▶ RecordEncoder ─▶ KafkaProducer ─▶ RelayProgress ─▶ refold.relays
///
/// After a failure nothing of it is used any more: the next one begins at the checkpoint, with a higher epoch.
struct RelaySession: Sendable {
    let engine: Engine
    let settings: RelaySettings
    let kafka: KafkaCluster
    let mark: FlushedMark
    let reader: WholeEventReader
    let producer: KafkaProducer
    let progress: RelayProgress
    let isStopping: @Sendable () -> Bool
    /// Where it ends; nil for ever.
    let goal: GlobalPosition?

    /// Bytes after which a block ends early.
    private static let blockBytes = 4 << 20

    /// From so many positions on a block is expected to be full.
    private static let manyPositions = 10_000

    /// Some of the log, ready to be sent.
    private struct Block: Sendable {
        var batch: KafkaBatch
        var encoder: RecordEncoder
        var through: GlobalPosition
    }

    private enum End: Sendable {
        case sender
        case other
    }

    func run() async throws {
        try await withThrowingTaskGroup(of: End.self) { group in
            group.addTask {
                try await progress.run()
                return .other
            }
            group.addTask {
                try await watch()
                return .other
            }
            group.addTask {
                try await send()
                try await progress.finish(isStopping)
                return .sender
            }
            // The first that fails ends the others.
            while let end = try await group.next() {
                if end == .sender { break }
            }
            group.cancelAll()
        }
    }

    // MARK: Sending

    private func send() async throws {
        var encoder = RecordEncoder(settings, progress.begun)
        var sent = progress.begun.position
        if let fork = progress.begun.fork {
            var batch = encoder.makeBatch()
            encoder.appendForks(at: fork, resuming: sent, to: &batch)
            try await schedule(Block(batch: batch, encoder: encoder, through: sent), endsFork: true)
        }
        var marked = engine.time.now
        while !isStopping() {
            let safe = try await mark.look(above: sent)
            let end = min(safe, goal ?? safe)
            if end > sent { (encoder, sent) = try await send(after: sent, through: end, encoder) }
            // It may have been told to begin above the mark: nothing is said of what is still to come.
            guard safe >= sent else { continue }
            if let goal, sent >= goal { break }
            guard engine.time.now - marked >= settings.markerInterval else { continue }
            marked = engine.time.now
            encoder = try await sendMarkers(at: sent, encoder)
        }
        if goal != nil, !isStopping() { _ = try await sendMarkers(at: sent, encoder) }
    }

    /// The next block is read while one is put into the queue.
    private func send(
        after: GlobalPosition,
        through: GlobalPosition,
        _ encoder: RecordEncoder
    ) async throws -> (RecordEncoder, GlobalPosition) {
        var block = try await read(after: after, through: through, encoder)
        while block.through < through && !isStopping() {
            let current = block
            async let next = read(after: current.through, through: through, current.encoder)
            try await schedule(current)
            block = try await next
        }
        try await schedule(block)
        return (block.encoder, block.through)
    }

    private func read(
        after: GlobalPosition,
        through: GlobalPosition,
        _ encoder: RecordEncoder
    ) async throws -> Block {
        var empty = Block(batch: encoder.makeBatch(), encoder: encoder, through: after)
        // A block that is read behind the head of the log is as large as it may be.
        if through.rawValue - after.rawValue > Self.manyPositions {
            empty.batch.reserve(bytes: Self.blockBytes * 9 / 8)
        }
        var (block, reached) = try await reader.read(after: after, through: through, into: empty) { event, block in
            block.encoder.append(event, to: &block.batch)
            return block.batch.byteCount < Self.blockBytes
        }
        block.through = reached
        return block
    }

    private func sendMarkers(at position: GlobalPosition, _ encoder: RecordEncoder) async throws -> RecordEncoder {
        var encoder = encoder
        var batch = encoder.makeBatch()
        encoder.appendMarkers(at: position, to: &batch)
        if batch.count > 0 { try await schedule(Block(batch: batch, encoder: encoder, through: position)) }
        return encoder
    }

    private func schedule(_ block: Block, endsFork: Bool = false) async throws {
        try await progress.waitForRoom()
        let delivery = try await producer.schedule(block.batch)
        progress.add(delivery, through: block.through, block.encoder.partitions, endsFork: endsFork)
    }

    // MARK: Watching

    private static let causeInterval: Duration = .milliseconds(500)
    private static let topicInterval: Duration = .seconds(5)

    /// Says why nothing is sent, and looks whether the topics are as they were.
    private func watch() async throws {
        let admin = try kafka.admin()
        var noted: String?
        var looked = engine.time.now
        var troubledSince: ContinuousClock.Instant?
        while true {
            try await engine.time.sleep(for: Self.causeInterval)
            let now = engine.time.now
            if let trouble = producer.trouble {
                troubledSince = troubledSince ?? now
                // One that is to end does not wait for ever.
                if goal != nil, now - (troubledSince ?? now) > engine.settings.retryLimit { throw trouble }
            } else {
                troubledSince = nil
            }
            let cause = producer.trouble.map { "\($0)" }
            if cause != noted {
                if let cause { engine.logger.warning("the relay waits", metadata: ["cause": "\(cause)"]) }
                if cause == nil { engine.logger.notice("the relay sends again") }
                try await progress.note(cause)
                noted = cause
            }
            guard cause == nil, now - looked >= Self.topicInterval else { continue }
            looked = now
            // Brokers that do not answer now are asked again.
            guard let counts = try? await admin.partitionCounts(of: settings.topics, within: .seconds(2)) else {
                continue
            }
            try progress.begun.requireSame(counts)
        }
    }
}
