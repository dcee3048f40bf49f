/// Numbers and times as people read them.
package enum Format {
    /// `1,234,567`
    package static func grouped(_ number: Int64) -> String {
        var text = ""
        for (index, digit) in "\(number.magnitude)".reversed().enumerated() {
            if index > 0 && index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return (number < 0 ? "-" : "") + String(text.reversed())
    }

    /// `0.004 s`, `12.3 s`, `4 min 05 s`, `3 h 07 min`, `2 d 01 h`
    package static func time(_ duration: Duration) -> String {
        let seconds = duration / .seconds(1)
        let whole = duration.components.seconds
        switch seconds {
        case ..<1: return "\(decimals(seconds, 3)) s"
        case ..<60: return "\(decimals(seconds, 1)) s"
        case ..<3_600: return "\(whole / 60) min \(two(whole % 60)) s"
        case ..<86_400: return "\(whole / 3_600) h \(two(whole % 3_600 / 60)) min"
        default: return "\(whole / 86_400) d \(two(whole % 86_400 / 3_600)) h"
        }
    }

    /// `431,002/s`; one decimal below ten.
    package static func rate(_ perSecond: Double) -> String {
        guard perSecond.isFinite else { return "–" }
        return (perSecond < 10 ? decimals(perSecond, 1) : grouped(whole(perSecond))) + "/s"
    }

    package static func decimals(_ number: Double, _ count: Int) -> String {
        var scale = 1.0
        for _ in 0..<count { scale *= 10 }
        let scaled = whole(number * scale)
        let (whole, rest) = scaled.quotientAndRemainder(dividingBy: Int64(scale))
        let digits = "\(rest.magnitude)"
        return "\(scaled < 0 && whole == 0 ? "-" : "")\(whole)." + String(repeating: "0", count: count - digits.count)
            + digits
    }

    /// The nearest whole number that fits, for any number.
    private static func whole(_ number: Double) -> Int64 {
        if number.isNaN { return 0 }
        // The greatest that both types have.
        return Int64(min(max(number.rounded(), -9_223_372_036_854_774_784), 9_223_372_036_854_774_784))
    }

    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
