/// Records of one partition as messages name them: where they go and, where a relay sends them, which event is the first.
struct RecordName: CustomStringConvertible {
    let topic: String
    let partition: Int32
    /// How many there are.
    var count = 1
    /// The value of a header of the first, by its name.
    let header: (String) -> [UInt8]?

    var description: String {
        var text = "\(topic), partition \(partition)"
        guard let position = words(RelayHeader.position) else { return text }
        let first = words(RelayHeader.eventID).map { "event \($0)" } ?? "the marker"
        text += count > 1 ? ", \(count) records from \(first)" : ", \(first)"
        return "\(text) at position \(position)"
    }

    private func words(_ name: String) -> String? { header(name).map { String(decoding: $0, as: UTF8.self) } }
}

extension KafkaBatch {
    /// What messages call a record.
    func name(of index: Int) -> RecordName {
        let record = records[index]
        return RecordName(topic: topics[record.topic], partition: record.partition) { name in
            let header = headers[record.headers].first { bytes[$0.name...].starts(with: [UInt8](name.utf8) + [0]) }
            return header.map { [UInt8](bytes[$0.value]) }
        }
    }
}
