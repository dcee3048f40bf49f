internal import CPostgres

/// Which COPY is under way on a connection, if any.
enum CopyState {
    case none
    case out(CopyOutput)
    case input(operation: String)
}

/// A COPY TO STDOUT under way: what is known of its rows, and the table of fields that each row reuses.
final class CopyOutput {
    let operation: String
    let fieldCount: Int
    /// Owned by this object: `fieldCount` entries, freed in `deinit`, borrowed to one `CopyRow` at a time.
    private let fields: UnsafeMutablePointer<CopyRow.Field>
    private var isFirst = true

    init(operation: String, fieldCount: Int) {
        self.operation = operation
        self.fieldCount = fieldCount
        fields = .allocate(capacity: max(1, fieldCount))
    }

    deinit {
        fields.deallocate()
    }

    /// What a CopyData message holds.
    enum Content {
        case row
        /// The header alone, or the trailer.
        case nothing
        case malformed
    }

    /// Finds the fields of one CopyData message; the server sends exactly one row in each, the first one after the
    /// header. https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
    @inline(__always)
    func parse(_ message: UnsafeRawBufferPointer) -> Content {
        var offset = 0
        if isFirst {
            guard let end = Self.endOfHeader(message) else { return .malformed }
            isFirst = false
            if end == message.count { return .nothing }
            offset = end
        }
        guard message.count - offset >= 2 else { return .malformed }
        let count = Int(Int16(bigEndian: message.loadUnaligned(fromByteOffset: offset, as: Int16.self)))
        offset += 2
        if count == -1 { return offset == message.count ? .nothing : .malformed }
        guard count == fieldCount else { return .malformed }
        for index in 0..<count {
            guard message.count - offset >= 4 else { return .malformed }
            let length = Int32(bigEndian: message.loadUnaligned(fromByteOffset: offset, as: Int32.self))
            offset += 4
            fields[index] = CopyRow.Field(offset: Int32(truncatingIfNeeded: offset), length: length)
            guard length >= 0 else { continue }
            guard message.count - offset >= Int(length) else { return .malformed }
            offset += Int(length)
        }
        return offset == message.count ? .row : .malformed
    }

    /// The row found last, in the memory of its message.
    @inline(__always)
    func row(
        in message: UnsafeRawBufferPointer,
        _ body: (borrowing CopyRow) throws -> Bool
    ) rethrows -> Bool {
        guard let base = message.baseAddress else { return true }
        return try body(CopyRow(base: base, fields: fields, fieldCount: fieldCount))
    }

    /// Signature (11 bytes), flags (4), length of the extension (4), extension.
    private static func endOfHeader(_ message: UnsafeRawBufferPointer) -> Int? {
        guard message.count >= BinaryCopy.header.count, message.starts(with: BinaryCopy.header.prefix(11)) else {
            return nil
        }
        let length = Int(Int32(bigEndian: message.loadUnaligned(fromByteOffset: 15, as: Int32.self)))
        let end = BinaryCopy.header.count + length
        return length >= 0 && end <= message.count ? end : nil
    }
}
