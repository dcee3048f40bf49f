package import Refold
import RefoldCommandLine

/// How people and programs are shown the audience.
extension Audience {
    /// Qualities that are listed; the rest are summed up.
    private static let listed = 20
    /// What every line fits into.
    private static let columns = 80
    private static let barLength = 24
    private static let chartHeight = 6

    /// What is printed: each line has at most 80 columns, whatever the qualities are called.
    package var lines: [String] {
        var lines = [
            "Live viewers at \(moment): \(Format.grouped(Int64(viewers.total))), from the \(viewersFrom.rawValue)"
        ]
        if let cacheProblem { lines.append("The cache cannot be asked: \(cacheProblem)".fitting(Self.columns)) }
        if viewers.total == 0 {
            if let newestHeartbeat {
                // A later one is of a session that has ended.
                if moment - newestHeartbeat >= liveFor {
                    lines.append("The newest heartbeat is of \(newestHeartbeat): --at shows that moment.")
                }
            } else if viewersFrom == .database {
                lines.append("There is no session yet.")
            }
        } else {
            lines += [""] + qualityLines
        }
        return lines + ["", "Peaks by minute, the hour up to then, from the \(peaksFrom.rawValue)"] + chartLines
    }

    /// The name comes last, since nobody knows how wide a terminal shows it.
    private var qualityLines: [String] {
        let most = viewers.byQuality.first?.count ?? 0
        let numbers = viewers.byQuality.prefix(Self.listed).map { Format.grouped(Int64($0.count)) }
        let width = numbers.map(\.count).max() ?? 0
        let room = Self.columns - width - Self.barLength - 6
        var lines = zip(numbers, viewers.byQuality).map { number, quality in
            let bar = Self.bar(quality.count, of: most, length: Self.barLength)
            let name = quality.name.isEmpty ? "\"\"" : quality.name.fitting(room)
            return "  \(number.flushRight(width))  \(bar)  \(name)"
        }
        let rest = viewers.total - viewers.byQuality.prefix(Self.listed).reduce(0) { $0 + $1.count }
        if rest > 0 { lines.append("  \(Format.grouped(Int64(rest))) more in other qualities") }
        return lines
    }

    private var chartLines: [String] {
        let most = peaks.map(\.viewers).max() ?? 0
        let label = Format.grouped(Int64(most))
        let width = max(label.count, 1)
        var lines: [String] = []
        for row in (0..<Self.chartHeight).reversed() {
            let mark = row == Self.chartHeight - 1 ? label : row == 0 ? "0" : ""
            let bars = peaks.map { peak -> Character in
                let eighths = Self.eighths(peak.viewers, of: most, length: Self.chartHeight) - row * 8
                return Self.rising[min(max(eighths, 0), 8)]
            }
            lines.append("  \(mark.flushRight(width)) │\(String(bars))".withoutTrailingSpace)
        }
        lines.append("  \("".flushRight(width)) └" + String(repeating: "─", count: peaks.count))
        guard let first = peaks.first, let last = peaks.last else { return lines }
        let space = String(repeating: " ", count: max(1, peaks.count - 10))
        return lines + ["  \("".flushRight(width))  \(Self.clock(first.minute))\(space)\(Self.clock(last.minute))"]
    }

    // MARK: Bars

    private static let rising: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    private static let growing: [Character] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"]

    /// How many eighths of a character a number takes: at least one if there is anything.
    private static func eighths(_ number: Int, of most: Int, length: Int) -> Int {
        guard number > 0, most > 0 else { return 0 }
        return max(1, Int((Double(number) / Double(most) * Double(length * 8)).rounded()))
    }

    private static func bar(_ number: Int, of most: Int, length: Int) -> String {
        let eighths = eighths(number, of: most, length: length)
        return String((0..<length).map { growing[min(max(eighths - $0 * 8, 0), 8)] })
    }

    /// `09:31`, in UTC.
    private static func clock(_ time: Timestamp) -> String {
        let minute = ((time.rawValue / 60_000_000) % 1440 + 1440) % 1440
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(two(minute / 60)):\(two(minute % 60))"
    }

    // MARK: JSON

    /// For programs. Qualities are a list, since two may have names that are equal to a program that compares
    /// characters.
    package var json: JSON {
        [
            "at": .text("\(moment)"),
            "live_for_seconds": .optional(liveFor / .seconds(1)),
            "viewers": .integer(Int64(viewers.total)),
            "by_quality": .array(
                viewers.byQuality.map { ["quality": .text($0.name), "viewers": .integer(Int64($0.count))] }
            ),
            "viewers_from": .text(viewersFrom.rawValue),
            "peaks": .array(
                peaks.map { ["minute": .text("\($0.minute)"), "peak_viewers": .integer(Int64($0.viewers))] }
            ),
            "peaks_from": .text(peaksFrom.rawValue),
            "cache_problem": .optional(cacheProblem),
            "newest_heartbeat": .optional(newestHeartbeat.map { "\($0)" }),
        ]
    }
}

extension String {
    /// The text as it may be shown, cut to so many columns. A character outside ASCII counts as two columns, the most
    /// that a terminal gives one.
    fileprivate func fitting(_ columns: Int) -> String {
        var (text, used) = ("", 0)
        for scalar in String(unicodeScalars.prefix(columns + 1)).printable.unicodeScalars {
            let width = scalar.isASCII ? 1 : 2
            guard used + width <= columns - 2 else { return text + "…" }
            text.unicodeScalars.append(scalar)
            used += width
        }
        return text
    }

    fileprivate func flushRight(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

    fileprivate var withoutTrailingSpace: String {
        var text = self
        while text.hasSuffix(" ") { text.removeLast() }
        return text
    }
}
