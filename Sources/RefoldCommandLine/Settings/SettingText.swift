internal import Engine
internal import Refold

/// A setting as it was written, and where.
package struct SettingText: Sendable {
    package let key: String
    /// The values; one unless the setting is a list.
    package let values: [String]
    package let source: SettingSource

    package init(key: String, values: [String], source: SettingSource) {
        self.key = key
        self.values = values
        self.source = source
    }

    package var text: String { values.joined(separator: ",") }

    /// Refuses the value.
    func refused(_ value: String? = nil, expected: String) -> SettingError {
        SettingError("\(key) is \"\(value ?? text)\", which is not \(expected)", remedy: "correct it in \(source)")
    }

    /// Refuses the value without showing it: it may hold a password.
    func refused(because reason: String) -> SettingError {
        SettingError("\(key) cannot be used: \(reason)", remedy: "correct it in \(source)")
    }

    // MARK: Reading

    func boolean() throws(SettingError) -> Bool {
        switch text {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw refused(expected: "true or false")
        }
    }

    func integer(in range: ClosedRange<Int>) throws(SettingError) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw refused(
                expected: range.upperBound == .max
                    ? "a whole number of at least \(range.lowerBound)"
                    : "a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    func bytes(in range: ClosedRange<ByteSize>) throws(SettingError) -> Int {
        guard let size = ByteSize(text), range.contains(size) else {
            let (least, most) = (range.lowerBound, range.upperBound)
            throw refused(expected: "a size from \(least) to \(most), written like 64KiB, 128MiB or 1GiB")
        }
        return size.bytes
    }

    /// A time; the longest one unless said otherwise is a year, and none is so long that adding it to a date overflows.
    func duration(atLeast least: Duration, atMost most: Duration = .days(365)) throws(SettingError) -> Duration {
        try duration(text, least, most)
    }

    func durations(atLeast least: Duration, atMost most: Duration = .days(365)) throws(SettingError) -> [Duration] {
        var found: [Duration] = []
        for value in values { found.append(try duration(value, least, most)) }
        return found
    }

    private func duration(_ value: String, _ least: Duration, _ most: Duration) throws(SettingError) -> Duration {
        guard let time = TimeSpan(value), time.duration >= least, time.duration <= most else {
            throw refused(
                value,
                expected: "a time from \(TimeSpan(least)) to \(TimeSpan(most)), written like 250ms, 10s, 5m, 24h or 30d"
            )
        }
        return time.duration
    }

    /// A value of the same type, and within the same bounds, as the one that a projection states.
    func value(like stated: ProjectionSetting.Value) throws(SettingError) -> ProjectionSetting.Value {
        switch stated {
        case .duration(_, let range):
            .duration(try duration(atLeast: range.lowerBound, atMost: range.upperBound), in: range)
        case .integer(_, let range): .integer(try integer(in: range), in: range)
        case .boolean: .boolean(try boolean())
        case .word(_, let words): .word(try word(of: words), of: words)
        }
    }

    /// One of a few words.
    func word(of words: [String]) throws(SettingError) -> String {
        guard words.contains(text) else { throw refused(expected: "one of \(words.joined(separator: ", "))") }
        return text
    }
}

/// Where a setting's value came from.
package enum SettingSource: Sendable, Hashable, CustomStringConvertible {
    case `default`
    case file(String)
    case environment(String)

    package var description: String {
        switch self {
        case .default: "the defaults"
        case .file(let path): path
        case .environment(let name): name
        }
    }
}
