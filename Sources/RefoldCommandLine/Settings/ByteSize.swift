/// A number of bytes as settings have it: `64KiB`, `128MiB`, `1GiB`.
package struct ByteSize: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let bytes: Int

    private static let units: [(name: String, bytes: Int)] = [
        ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
    ]

    package init(bytes: Int) {
        self.bytes = bytes
    }

    /// - Returns: nil for another form, a missing unit, or a size beyond Int.
    package init?(_ text: String) {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard let count = Int(digits),
            let unit = Self.units.first(where: { $0.name == text.dropFirst(digits.count) }),
            case (let bytes, false) = count.multipliedReportingOverflow(by: unit.bytes)
        else { return nil }
        self.bytes = bytes
    }

    package static func < (lhs: ByteSize, rhs: ByteSize) -> Bool { lhs.bytes < rhs.bytes }

    /// In the largest unit that leaves at least one; with one decimal where it is not whole.
    package var description: String {
        let unit = Self.units.last { bytes >= $0.bytes } ?? Self.units[0]
        if bytes % unit.bytes == 0 { return "\(bytes / unit.bytes)\(unit.name)" }
        let tenths = (Double(bytes) / Double(unit.bytes) * 10).rounded() / 10
        return "\(tenths)\(unit.name)"
    }
}
