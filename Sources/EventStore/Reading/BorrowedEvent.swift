internal import Glibc
internal import Postgres
package import Refold

/// An event as the store has it, nothing of it decoded: good until the closure that it was lent to returns.
package struct BorrowedEvent {
    /// Its place in the whole store.
    package let position: GlobalPosition
    /// The name of its type, UTF-8.
    package let type: UnsafeRawBufferPointer
    /// Its id as text.
    package let id: UnsafeRawBufferPointer
    /// The id of its stream; empty where the store has none.
    package let stream: UnsafeRawBufferPointer
    /// JSON; nil for NULL, and for types that were not asked for.
    package let payload: UnsafeRawBufferPointer?
    /// JSON; nil for NULL, for types that were not asked for, and where the store has none.
    package let metadata: UnsafeRawBufferPointer?
    /// When it happened; nil for NULL.
    package let timestamp: Timestamp?

    init(_ row: borrowing CopyRow, _ store: ValidatedStore) throws {
        position = GlobalPosition(try row.int64(0))
        type = try row.isNull(1) ? Self.nothing : row.bytes(1)
        id = try row.isNull(2) ? Self.nothing : row.bytes(2)
        stream = try row.isNull(3) ? Self.nothing : row.bytes(3)
        payload = try Self.json(row, 4, store.payloadFormat)
        metadata = try Self.json(row, 5, store.metadataFormat)
        timestamp = try row.isNull(6) ? nil : Timestamp(microseconds: row.int64(6))
    }

    /// The columns of a row, in their order.
    ///
    /// - Parameter types: those whose payloads and metadata are wanted.
    static func columns(_ store: ValidatedStore, types: [String]) -> String {
        let names = types.map { quoteLiteral($0) }.joined(separator: ", ")
        func wanted(_ column: String) -> String { "CASE WHEN e.event_type IN (\(names)) THEN \(column) END" }
        return [
            "e.global_position::bigint", "e.event_type::text", store.hasEventID ? "e.event_id::text" : "NULL::text",
            store.hasStreamID ? "e.stream_id::text" : "NULL::text", wanted("e.event_data"),
            store.metadataFormat == nil ? "NULL::text" : wanted("e.metadata"), "e.\"timestamp\"",
        ].joined(separator: ", ")
    }

    /// The version of its type; 1 where the metadata do not say.
    package var typeVersion: Int64 {
        // Many stores know no versions: looking for the name, or for an escape that may hide it, is much quicker than
        // reading the metadata.
        guard let metadata, metadata.holds(EventMetadata.typeVersion) || metadata.holds("\\") else { return 1 }
        var (scanner, version) = (JSONScanner(structureOf: metadata, 0..<metadata.count), Int64?.none)
        while let member = try? scanner.nextMember() {
            guard scanner.isName(member.name, EventMetadata.typeVersion) else { continue }
            version = Int64(String(decoding: metadata[member.value], as: UTF8.self))
        }
        return version ?? 1
    }

    private static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    /// The binary form of jsonb is a version byte and then its text.
    private static func json(
        _ row: borrowing CopyRow,
        _ field: Int,
        _ format: ValidatedStore.PayloadFormat?
    ) throws -> UnsafeRawBufferPointer? {
        guard !row.isNull(field) else { return nil }
        let bytes = try row.bytes(field)
        return format == .jsonb ? UnsafeRawBufferPointer(rebasing: bytes.dropFirst()) : bytes
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a word occurs in these bytes.
    fileprivate func holds(_ word: String) -> Bool {
        var word = word
        return word.withUTF8 { word in
            guard let baseAddress, let place = word.baseAddress else { return false }
            var at = 0
            while at <= count - word.count,
                let found = memchr(baseAddress + at, Int32(word[0]), count - word.count - at + 1)
            {
                if memcmp(found, place, word.count) == 0 { return true }
                at = baseAddress.distance(to: UnsafeRawPointer(found)) + 1
            }
            return false
        }
    }
}
