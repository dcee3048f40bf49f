internal import ArgumentParser
internal import Engine
internal import EventStore
internal import Glibc
internal import Refold

/// `refold export`
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write events to the standard output as NDJSON, one a line.",
        discussion: """
            In the order of their positions and up to the newest one; transactions that may still commit an event before \
            that are waited for. Resume an interrupted export with --from and the position after the last line's.
            """
    )

    @OptionGroup var shared: SharedOptions
    @Option(help: "The first position wanted.") var from: Int64 = 1
    @Option(help: "The last position wanted; the newest unless given.") var through: Int64?
    @Option(help: "Only the events of this stream.") var stream: String?

    private static let pieceSize = 256 * 1_024

    func run() async throws {
        let (from, through) = (GlobalPosition(from), through.map { GlobalPosition($0) })
        try await shared.engine().withStreams(for: "export") { streams in
            var bytes: [UInt8] = []
            for try await event in events(of: streams, from, through) {
                guard event.position >= from, through.map({ event.position <= $0 }) ?? true else { continue }
                event.appendLine(to: &bytes)
                guard bytes.count >= Self.pieceSize else { continue }
                try write(bytes)
                bytes.removeAll(keepingCapacity: true)
            }
            try write(bytes)
        }
    }

    private func events(
        of streams: EventStreams,
        _ from: GlobalPosition,
        _ through: GlobalPosition?
    ) -> RecordedEvents {
        if let stream { return streams.readStream(stream) }
        let after = GlobalPosition(max(1, from.rawValue) - 1)
        return streams.readAll(after: after, through: through) { holder in
            Console.error("\(Program.name): waiting: \(holder)")
        }
    }

    private func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                Console.error("\(Program.name): the output cannot be written: \(String(cString: strerror(errno)))")
                throw SilentExit(code: Failure.inputOutput)
            }
            rest = rest.dropFirst(count)
        }
    }
}
