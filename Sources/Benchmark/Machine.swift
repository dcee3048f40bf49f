internal import Foundation

/// What the table says about where it was measured.
enum Machine {
    /// How much of the next second something else uses, in percent.
    static func busyShare() throws -> Int? {
        let before = try times()
        Thread.sleep(forTimeInterval: 1)
        let after = try times()
        let all = after.all - before.all
        return all > 0 ? 100 - Int((100 * (after.idle - before.idle) / all).rounded()) : nil
    }

    /// The ticks of all processors since the machine started: idle or waiting for a disk, and all.
    private static func times() throws -> (idle: Double, all: Double) {
        let line = try String(contentsOfFile: "/proc/stat", encoding: .utf8).prefix { $0 != "\n" }
        let ticks = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        return (ticks[3] + ticks[4], ticks.reduce(0, +))
    }

    /// `2 cores (AMD EPYC …), 24 GiB`
    static func description() throws -> String {
        let processor = try value(of: "model name", in: "/proc/cpuinfo").map { " (\($0))" } ?? ""
        let memory = try value(of: "MemTotal", in: "/proc/meminfo")?.split(separator: " ").first.flatMap { Double($0) }
        let gibibytes = String(format: "%.0f", (memory ?? 0) / 1_048_576)
        return "\(ProcessInfo.processInfo.processorCount) cores\(processor), \(gibibytes) GiB"
    }

    /// What a line of such a file says behind the name and the colon.
    static func value(of name: String, in file: String) throws -> String? {
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix(name) }), let colon = line.firstIndex(of: ":") else {
            return nil
        }
        return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
}
