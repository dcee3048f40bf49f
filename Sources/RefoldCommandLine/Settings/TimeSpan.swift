internal import ArgumentParser

/// A time as settings and flags have it: a whole number with a unit, `250ms`, `10s`, `5m`, `24h`, `30d`.
package struct TimeSpan: Sendable, Hashable, CustomStringConvertible {
    package let duration: Duration

    private static let units: [(name: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    package init(_ duration: Duration) {
        self.duration = duration
    }

    /// - Returns: nil for another form, a missing unit, or a time too long to be counted in milliseconds.
    package init?(_ text: String) {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard let count = Int64(digits),
            let unit = Self.units.first(where: { $0.name == text.dropFirst(digits.count) }),
            case (let milliseconds, false) = count.multipliedReportingOverflow(by: unit.milliseconds)
        else { return nil }
        duration = .milliseconds(milliseconds)
    }

    /// In the largest unit that gives a whole number.
    package var description: String {
        let milliseconds = duration.components.seconds * 1_000 + duration.components.attoseconds / 1_000_000_000_000_000
        let unit = Self.units.last { milliseconds % $0.milliseconds == 0 && milliseconds >= $0.milliseconds }
        guard let unit else { return "\(milliseconds)ms" }
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
}

extension TimeSpan: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}
