internal import Glibc
package import Postgres
package import Refold

/// Turns changed rows into what COPY or an upsert takes.
package struct RowEncoder {
    package let definition: TableDefinition

    package init(definition: TableDefinition) {
        self.definition = definition
    }

    /// Rows for COPY, sorted by key so that the key's index is built from neighbours; nothing for no rows.
    ///
    /// - Parameter withDeletions: adds the column `_deleted` of a table of versions.
    package func copyRows(_ rows: [ChangedRecord], withDeletions: Bool) -> [[UInt8]] {
        guard !rows.isEmpty else { return [] }
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
        let fields = definition.key.count + definition.columns.count + (withDeletions ? 2 : 1)
        var copy = BinaryCopy(reservingCapacity: min(rows.count * 512, Self.pieceBytes + 4096))
        for row in sorted(rows) {
            copy.beginRow(fields: fields)
            let key = row.key
            for index in definition.key.indices { copy.fields.appendKey(index, of: definition.key, in: key) }
            for (index, column) in definition.columns.enumerated() {
                copy.fields.appendColumn(index, of: column, in: row)
            }
            copy.append(row.position)
            if withDeletions { copy.append(!row.isPresent) }
            if copy.count >= Self.pieceBytes { try body(copy.take()) }
        }
        try body(copy.finish())
    }

    /// Parameters of upserts, one array a column; a statement ends with the row that brings it to 10,000 rows or
    /// ``bytesPerStatement``.
    package func upserts(_ rows: [ChangedRecord]) -> [[PostgresValue]] {
        statements(of: sorted(rows), withColumns: true)
    }

    /// Parameters of deletions, one array a key column, cut likewise.
    package func deletions(_ rows: [ChangedRecord]) -> [[PostgresValue]] {
        statements(of: sorted(rows), withColumns: false)
    }

    private func statements(of rows: [ChangedRecord], withColumns: Bool) -> [[PostgresValue]] {
        var statements: [[PostgresValue]] = []
        let fresh =
            definition.key.map { $0.type.makeArray(hasNulls: false) }
            + (withColumns ? definition.columns.map { $0.type.makeArray(hasNulls: $0.isNullable) } : [])
            + (withColumns ? [ColumnType.integer.makeArray(hasNulls: false)] : [])
        var arrays = fresh
        var bytes = 0
        for row in rows {
            var rowBytes = 0
            let key = row.key
            for index in definition.key.indices {
                rowBytes += arrays[index].append { $0.appendKey(index, of: definition.key, in: key) }
            }
            if withColumns {
                let first = definition.key.count
                for (index, column) in definition.columns.enumerated() {
                    rowBytes += arrays[first + index].append { $0.appendColumn(index, of: column, in: row) }
                }
                rowBytes += arrays[arrays.count - 1].append { $0.append(row.position) }
            }
            bytes += rowBytes
            if arrays[0].count == Self.rowsPerStatement || bytes >= Self.bytesPerStatement {
                statements.append(arrays.indices.map { arrays[$0].take() })
                arrays = fresh
                bytes = 0
            }
        }
        if arrays[0].count > 0 { statements.append(arrays.indices.map { arrays[$0].take() }) }
        return statements
    }

    /// Parameters of a look-up by keys, one array a key column.
    package func keys(_ keys: [EncodedKey]) -> [PostgresValue] {
        definition.key.indices.map { index in
            var array = definition.key[index].type.makeArray(hasNulls: false)
            for key in keys {
                _ = array.append { bytes in
                    key.bytes.withUnsafeBytes { bytes.appendKey(index, of: definition.key, in: $0) }
                }
            }
            return array.take()
        }
    }

    /// COPY sends pieces of about this length.
    private static let pieceBytes = 256 * 1024
    private static let rowsPerStatement = 10_000
    /// Of a statement: some copies of it are in memory on the way to the server, which takes none above 1 GiB.
    package static let bytesPerStatement = 4 << 20

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
}

extension ColumnType {
    /// An array of its values, which takes the fields one after the other.
    fileprivate func makeArray(hasNulls: Bool) -> BinaryArrayBuilder {
        BinaryArrayBuilder(of: objectIDs.element, as: objectIDs.array, hasNulls: hasNulls)
    }
}
