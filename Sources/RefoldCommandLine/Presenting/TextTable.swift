internal import Refold

/// Rows of texts in columns, as people can be shown them; columns that hold figures are flush right.
package struct TextTable: Sendable {
    private var rows: [[String]]

    package init(_ titles: [String]) {
        rows = [titles]
    }

    package mutating func append(_ cells: [String]) {
        rows.append(cells.map(\.printable))
    }

    /// The titles and the rows.
    package var lines: [String] {
        let count = rows[0].count
        let widths = (0..<count).map { column in rows.map { $0[column].count }.max() ?? 0 }
        let flushRight = (0..<count).map { column in
            rows.count > 1 && rows.dropFirst().allSatisfy { Self.isFigure($0[column]) }
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                line += (column > 0 ? "  " : "") + (flushRight[column] ? space + cell : cell + space)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
    }

    private static func isFigure(_ cell: String) -> Bool {
        cell == "–" || cell.first.map { ("0"..."9").contains($0) } ?? false
    }
}
