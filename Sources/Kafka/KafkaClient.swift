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
    ///   - defaults: properties that those of `settings` override.
    ///   - fixed: properties that the caller relies on; those of `settings` must not change them.
    ///   - unset: properties that must not be set, and why.
    ///   - events: which events the client's queue gets, as `RD_KAFKA_EVENT_…`.
    ///   - prepare: sets callbacks.
    init(
        _ type: rd_kafka_type_t,
        _ settings: KafkaSettings,
        defaults: [String: String] = [:],
        fixed: [String: String],
        unset: [String: String] = [:],
        events: Int32 = 0,
        context: KafkaContext,
        prepare: (OpaquePointer) -> Void = { _ in }
    ) throws(KafkaError) {
        let configuration = try KafkaConfiguration(settings, defaults: defaults, fixed: fixed, unset: unset)
        rd_kafka_conf_set_opaque(configuration.pointer, Unmanaged.passUnretained(context).toOpaque())
        rd_kafka_conf_set_log_cb(configuration.pointer, takeLog)
        if events != 0 { rd_kafka_conf_set_events(configuration.pointer, events) }
        prepare(configuration.pointer)
        pointer = try configuration.makeClient(type)
        self.context = context
        address = settings.address
    }

    /// Waits for the client's own threads; nothing of the client may be used any more.
    deinit { rd_kafka_destroy_flags(pointer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) }

    func error(_ code: rd_kafka_resp_err_t, _ operation: String, detail: String? = nil) -> KafkaError {
        KafkaError(code, operation: operation, address: address, detail: detail)
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
