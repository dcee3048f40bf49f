package import Engine

extension HotRows.Row {
    var isRemoved: Bool { jsonEnd == keyEnd }
}

extension HotRows {
    /// A larger object is left out of the cache, whatever the server would take: nobody waits while it is written.
    static let largestObject = 4 << 20

    /// What they take while they wait.
    var byteCount: Int { bytes.count + rows.count * MemoryLayout<Row>.stride }

    /// The bytes of the largest one.
    var largestRow: Int { rows.lazy.map { $0.groupEnd - $0.start }.max() ?? 0 }

    /// Key and JSON of each row, nil for one that was removed.
    package var texts: [(key: String, json: String?)] {
        rows.map { row in
            let json = row.isRemoved ? nil : String(decoding: bytes[row.keyEnd..<row.jsonEnd], as: UTF8.self)
            return (String(decoding: bytes[row.start..<row.keyEnd], as: UTF8.self), json)
        }
    }

    func withKey<R>(_ row: Row, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[row.start..<row.keyEnd])) }
    }
}
