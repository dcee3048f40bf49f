internal import CRdkafka

/// The properties of a client, until librdkafka takes them over.
final class KafkaConfiguration {
    let pointer: OpaquePointer
    /// A client was made of it, which releases it.
    private var isTakenOver = false

    /// Sets the properties that are fixed, and then those of the settings, none of which may change a fixed one: neither
    /// by its name nor by one of the others that librdkafka has for many of them.
    ///
    /// - Parameters:
    ///   - defaults: what holds unless the settings have something else.
    ///   - fixed: what the caller relies on.
    ///   - unset: what has to stay as librdkafka has it, and why.
    /// - Throws: `configuration` for a property that librdkafka refuses, or that would change a fixed one.
    init(
        _ settings: KafkaSettings,
        defaults: [String: String],
        fixed: [String: String],
        unset: [String: String]
    ) throws(KafkaError) {
        guard let pointer = rd_kafka_conf_new() else { preconditionFailure("no memory for a Kafka client") }
        self.pointer = pointer
        let fixed = fixed.merging(["bootstrap.servers": settings.address]) { $1 }
        for (name, value) in fixed { try set(name, value) }
        try set("client.id", settings.clientID)
        for (name, value) in defaults { try set(name, value) }
        let held = (Array(fixed.keys) + Array(unset.keys)).sorted()
        let before = held.map { value(of: $0) }
        // Where two name the same property, the one that comes later in the alphabet counts, in each process.
        for (name, value) in settings.properties.sorted(by: { $0.key < $1.key }) {
            try set(name, value)
            for (heldName, heldValue) in zip(held, before) where self.value(of: heldName) != heldValue {
                let subject = heldName == name ? "it" : heldName
                let reason = unset[heldName] ?? "\(subject) is \(fixed[heldName] ?? "")"
                throw KafkaError(.configuration, operation: "configure", message: "\(name) cannot be set: \(reason)")
            }
        }
    }

    deinit { if !isTakenOver { rd_kafka_conf_destroy(pointer) } }

    /// Makes the client; once.
    func makeClient(_ type: rd_kafka_type_t) throws(KafkaError) -> OpaquePointer {
        var text = [CChar](repeating: 0, count: 512)
        // Takes over the configuration unless it fails.
        guard let client = rd_kafka_new(type, pointer, &text, text.count) else {
            throw KafkaError(.configuration, operation: "configure", message: text.words)
        }
        isTakenOver = true
        return client
    }

    private func set(_ name: String, _ value: String) throws(KafkaError) {
        var text = [CChar](repeating: 0, count: 512)
        guard rd_kafka_conf_set(pointer, name, value, &text, text.count) == RD_KAFKA_CONF_OK else {
            throw KafkaError(.configuration, operation: "configure", message: text.words)
        }
    }

    /// What a property is, under whichever of its names; nil when it has no value.
    private func value(of name: String) -> String? {
        var size = 0
        guard rd_kafka_conf_get(pointer, name, nil, &size) == RD_KAFKA_CONF_OK else { return nil }
        var text = [CChar](repeating: 0, count: size + 1)
        size = text.count
        guard rd_kafka_conf_get(pointer, name, &text, &size) == RD_KAFKA_CONF_OK else { return nil }
        return text.words.isEmpty ? nil : text.words
    }
}

extension [CChar] {
    /// The text before the zero byte.
    fileprivate var words: String { String(decoding: prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) }
}
