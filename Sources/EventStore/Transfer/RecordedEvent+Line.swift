internal import Refold

extension RecordedEvent {
    /// Appends the event as a line of NDJSON, as `EventImport` reads it: position, stream, version, id, type,
    /// timestamp, data and, where there are any, metadata.
    ///
    /// Payload and metadata are written as they are stored, but for line breaks between their values, which become
    /// spaces.
    public func appendLine(to bytes: inout [UInt8]) {
        func add(_ text: String) { bytes.append(contentsOf: text.utf8) }
        func addJSON(_ text: String) {
            let start = bytes.count
            add(text)
            // Inside of a JSON string there is no line break.
            for index in start..<bytes.count where bytes[index] == 0x0A || bytes[index] == 0x0D { bytes[index] = 0x20 }
        }
        add("{\"position\":\(position),\"stream\":\(JSON.text(stream).text),\"version\":\(version),\"id\":\"\(id)\"")
        add(",\"type\":\(JSON.text(type).text),\"timestamp\":\"\(timestamp)\",\"data\":")
        addJSON(payload)
        if let metadata {
            add(",\"metadata\":")
            addJSON(metadata)
        }
        add("}\n")
    }
}
