internal import Glibc
package import Postgres
package import Refold

/// Turns changed rows into what COPY or an upsert takes.
package struct RowEncoder {
    package let definition: TableDefinition

    package init(definition: TableDefinition) {
        self.definition = definition
    }

    /// Rows for COPY, sorted by key so that the key's index is built from neighbours; without header and trailer.
    ///
    /// - Parameter withDeletions: adds the column `_deleted` of a table of versions.
    package func copyRows(_ rows: [ChangedRecord], withDeletions: Bool) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        forEachCopyPiece(of: rows, withDeletions: withDeletions) { pieces.append($0) }
        return pieces
    }

    /// The same piece by piece, so that all of it is never in memory at once.
    package func forEachCopyPiece<Failure: Error>(
        of rows: [ChangedRecord],
        withDeletions: Bool,
        _ body: ([UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        let fields = Int16(definition.key.count + definition.columns.count + (withDeletions ? 2 : 1))
        var piece: [UInt8] = []
        piece.reserveCapacity(Self.pieceBytes + 4096)
        for row in sorted(rows) {
            piece.append(bigEndian: fields)
            let key = row.key
            for index in definition.key.indices { piece.appendKey(index, of: definition.key, in: key) }
            for (index, column) in definition.columns.enumerated() { piece.appendColumn(index, of: column, in: row) }
            piece.appendField(row.position)
            if withDeletions {
                piece.append(bigEndian: Int32(1))
                piece.append(row.isPresent ? 0 : 1)
            }
            if piece.count >= Self.pieceBytes {
                try body(piece)
                piece.removeAll(keepingCapacity: true)
            }
        }
        if !piece.isEmpty { try body(piece) }
    }

    /// Parameters of upserts, one array a column, at most ``rowsPerStatement`` rows each.
    package func upserts(_ rows: [ChangedRecord]) -> [[PostgresValue]] {
        slices(of: sorted(rows)).map { rows in
            keyArrays(rows)
                + definition.columns.enumerated().map { index, column in
                    array(of: column.type, rows, hasNulls: column.isNullable) {
                        $0.appendColumn(index, of: column, in: $1)
                    }
                } + [array(of: .integer, rows, hasNulls: false) { $0.appendField($1.position) }]
        }
    }

    /// Parameters of deletions, one array a key column.
    package func deletions(_ rows: [ChangedRecord]) -> [[PostgresValue]] {
        slices(of: sorted(rows)).map { keyArrays($0) }
    }

    /// Parameters of a look-up by keys, one array a key column.
    package func keys(_ keys: [EncodedKey]) -> [PostgresValue] {
        definition.key.indices.map { index in
            array(of: definition.key[index].type, keys, hasNulls: false) { bytes, key in
                key.bytes.withUnsafeBytes { bytes.appendKey(index, of: definition.key, in: $0) }
            }
        }
    }

    /// COPY sends pieces of about this length.
    private static let pieceBytes = 256 * 1024
    private static let rowsPerStatement = 10_000

    /// By the bytes of their keys. Most differ in the first eight, which are compared without touching a row.
    private func sorted(_ rows: [ChangedRecord]) -> [ChangedRecord] {
        rows.map { (start: Self.start(of: $0.key), row: $0) }.sorted { left, right in
            if left.start != right.start { return left.start < right.start }
            let (left, right) = (left.row.key, right.row.key)
            let common = min(left.count, right.count)
            let order = common == 0 ? 0 : memcmp(left.baseAddress!, right.baseAddress!, common)
            return order < 0 || (order == 0 && left.count < right.count)
        }.map(\.row)
    }

    /// The first eight bytes of a key as a number of the same order; zeros stand for those that a short key lacks.
    private static func start(of key: UnsafeRawBufferPointer) -> UInt64 {
        if key.count >= 8 { return UInt64(bigEndian: key.loadUnaligned(as: UInt64.self)) }
        var start: UInt64 = 0
        withUnsafeMutableBytes(of: &start) { $0.copyMemory(from: key) }
        return UInt64(bigEndian: start)
    }

    private func slices(of rows: [ChangedRecord]) -> [ArraySlice<ChangedRecord>] {
        stride(from: 0, to: rows.count, by: Self.rowsPerStatement).map {
            rows[$0..<min($0 + Self.rowsPerStatement, rows.count)]
        }
    }

    private func keyArrays(_ rows: ArraySlice<ChangedRecord>) -> [PostgresValue] {
        definition.key.indices.map { index in
            array(of: definition.key[index].type, rows, hasNulls: false) {
                $0.appendKey(index, of: definition.key, in: $1.key)
            }
        }
    }

    /// An array of one dimension: dimensions, whether it has nulls, the element type, length, lower bound, elements.
    private func array<Elements: Collection>(
        of type: ColumnType,
        _ elements: Elements,
        hasNulls: Bool,
        _ append: (inout [UInt8], Elements.Element) -> Void
    ) -> PostgresValue {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: Int32(1))
        bytes.append(bigEndian: Int32(hasNulls ? 1 : 0))
        bytes.append(bigEndian: type.objectIDs.element)
        bytes.append(bigEndian: Int32(elements.count))
        bytes.append(bigEndian: Int32(1))
        for element in elements { append(&bytes, element) }
        return .binary(type: type.objectIDs.array, bytes: bytes)
    }
}
