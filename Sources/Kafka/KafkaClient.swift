internal import CRdkafka
internal import Logging

/// A client of librdkafka: its pointer, owned here alone and released once.
final class KafkaClient: Sendable {
    /// librdkafka's clients may be used from any thread.
    /// https://github.com/confluentinc/librdkafka/blob/v2.0.2/INTRODUCTION.md (threads and callbacks)
    nonisolated(unsafe) let pointer: OpaquePointer
    let address: String
    /// Held for the callbacks, which find it through the client.
    private let context: KafkaContext

    /// - Parameters:
    ///   - type: producer or consumer.
    ///   - fixed: properties that the caller relies on; those of `settings` do not override them.
    ///   - events: which events the client's queue gets, as `RD_KAFKA_EVENT_…`.
    ///   - prepare: sets callbacks.
    init(
        _ type: rd_kafka_type_t,
        _ settings: KafkaSettings,
        fixed: [String: String],
        events: Int32 = 0,
        context: KafkaContext,
        prepare: (OpaquePointer) -> Void = { _ in }
    ) throws(KafkaError) {
        guard let configuration = rd_kafka_conf_new() else { preconditionFailure("no memory for a Kafka client") }
        var text = [CChar](repeating: 0, count: 512)
        var properties = settings.properties
        properties["bootstrap.servers"] = settings.address
        properties["client.id"] = settings.clientID
        for (name, value) in fixed {
            guard settings.properties[name] == nil else {
                rd_kafka_conf_destroy(configuration)
                throw KafkaError(
                    .configuration,
                    operation: "configure",
                    message: "\(name) cannot be set: it is \(value)"
                )
            }
            properties[name] = value
        }
        for (name, value) in properties {
            guard rd_kafka_conf_set(configuration, name, value, &text, text.count) == RD_KAFKA_CONF_OK else {
                rd_kafka_conf_destroy(configuration)
                throw KafkaError(.configuration, operation: "configure", message: Self.words(text))
            }
        }
        rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(context).toOpaque())
        rd_kafka_conf_set_log_cb(configuration, takeLog)
        if events != 0 { rd_kafka_conf_set_events(configuration, events) }
        prepare(configuration)
        // Takes over the configuration unless it fails.
        guard let pointer = rd_kafka_new(type, configuration, &text, text.count) else {
            rd_kafka_conf_destroy(configuration)
            throw KafkaError(.configuration, operation: "configure", message: Self.words(text))
        }
        self.pointer = pointer
        self.context = context
        address = settings.address
    }

    /// Waits for the client's own threads; nothing of the client may be used any more.
    deinit { rd_kafka_destroy_flags(pointer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) }

    func error(_ code: rd_kafka_resp_err_t, _ operation: String, detail: String? = nil) -> KafkaError {
        KafkaError(code, operation: operation, address: address, detail: detail)
    }

    private static func words(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// What the callbacks of a client find: kept alive by the client.
final class KafkaContext: Sendable {
    let logger: Logger?
    /// The brokers that were given, for messages.
    let address: String
    /// Where a member of a group keeps what it was told; other clients have none.
    let rebalances: Rebalances?

    init(logger: Logger?, address: String, rebalances: Rebalances? = nil) {
        self.logger = logger
        self.address = address
        self.rebalances = rebalances
    }

    /// The context of the client that calls back.
    static func of(_ opaque: UnsafeMutableRawPointer?) -> KafkaContext? {
        opaque.map { Unmanaged<KafkaContext>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// Called from any of librdkafka's threads, while the client lives.
private func takeLog(
    _ client: OpaquePointer?,
    _ level: Int32,
    _ facility: UnsafePointer<CChar>?,
    _ text: UnsafePointer<CChar>?
) {
    guard let client, let text, let logger = KafkaContext.of(rd_kafka_opaque(client))?.logger else { return }
    // Syslog's levels: 0–3 are errors, 4 warnings. What matters is thrown or reported as a cause as well.
    logger.log(level: level <= 4 ? .info : .debug, "\(String(cString: text))")
}
