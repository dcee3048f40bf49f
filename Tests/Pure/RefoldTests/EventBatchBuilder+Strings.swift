import Refold

extension EventBatchBuilder {
    /// Appends an event given as strings.
    mutating func append(
        position: Int64,
        type: String,
        timestamp: Int64?,
        payload: String?,
        metadata: String? = nil,
        streamID: String? = nil
    ) {
        func lend(_ text: String?, _ body: (UnsafeRawBufferPointer?) -> Void) {
            guard let text else {
                return body(nil)
            }
            Array(text.utf8).withUnsafeBytes { body($0) }
        }
        lend(type) { type in
            lend(payload) { payload in
                lend(metadata) { metadata in
                    lend(streamID) { streamID in
                        _ = append(
                            position: position,
                            type: type ?? UnsafeRawBufferPointer(start: nil, count: 0),
                            timestamp: timestamp,
                            payload: payload,
                            metadata: metadata,
                            streamID: streamID
                        )
                    }
                }
            }
        }
    }
}
