internal import Engine

/// The progress of a rebuild, from samples of it: rate and time to go.
package struct RebuildMeter: Sendable {
    /// Where one projection stands.
    package struct Sample: Sendable {
        let start: Int64
        let position: Int64
        let target: Int64

        package init(start: Int64, position: Int64, target: Int64) {
            self.start = start
            self.position = position
            self.target = target
        }
    }

    /// Samples over which the rate is taken; at four a second that is five seconds.
    private static let looks = 20
    private var history: [(passed: Double, at: Duration)] = []
    private var total = 0.0
    private var reached: Int64 = 0
    private var target: Int64 = 0
    private let projections: Int

    package init(projections: Int) {
        self.projections = projections
    }

    /// Takes in a sample. The slowest projection counts: the others wait for it or are done.
    package mutating func update(_ samples: [Sample], at time: Duration) {
        guard let slowest = samples.min(by: { $0.target - $0.position > $1.target - $1.position }) else { return }
        total = Double(slowest.target - slowest.start)
        reached = slowest.position
        target = slowest.target
        history.append((Double(slowest.position - slowest.start), time))
        if history.count > Self.looks { history.removeFirst() }
    }

    /// Positions a second; nil before there are two samples.
    package var rate: Double? {
        guard let first = history.first, let last = history.last, last.at > first.at else { return nil }
        return max(0, last.passed - first.passed) / ((last.at - first.at) / .seconds(1))
    }

    /// Time to go; nil when nothing moves.
    package var remaining: Duration? {
        guard let rate, rate > 0, let last = history.last else { return nil }
        return .atMostAges(seconds: max(0, total - last.passed) / rate)
    }

    private var share: Double {
        guard let last = history.last else { return 0 }
        return total > 0 ? min(1, max(0, last.passed / total)) : 1
    }

    /// `rebuilding 3 projections: 63 %, 631,000 of 1,000,000, 420,112/s, 0.9 s left`
    package var line: String {
        let what = projections == 1 ? "1 projection" : "\(projections) projections"
        var line = "rebuilding \(what): \(Int(share * 100)) %"
        guard !history.isEmpty else { return line }
        line += ", \(Format.grouped(reached)) of \(Format.grouped(target))"
        if let rate { line += ", \(Format.rate(rate))" }
        if let remaining, share < 1 { line += ", \(Format.time(remaining)) left" }
        return line
    }

    /// The line with a bar in front, within a width.
    package func bar(width: Int) -> String {
        let text = line
        let length = min(30, width - text.count - 4)
        guard length >= 10 else { return String(text.prefix(max(0, width - 1))) }
        let filled = Int(share * Double(length))
        return "[" + String(repeating: "#", count: filled) + String(repeating: "·", count: length - filled) + "] "
            + text
    }
}
