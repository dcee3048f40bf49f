internal import ArgumentParser
internal import Engine
internal import EventStore
internal import Glibc
internal import Postgres
internal import Refold

/// `refold import`
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Append the events of an NDJSON file, one a line, as export writes them.",
        discussion: """
            A line has stream, type and data, and may have id, version, type_version, timestamp and metadata. Lines are \
            stored in batches. A line that cannot be stored is reported by its number, and its batch is left out; \
            started again with the same input, an import resumes where it stopped.
            """
    )

    @OptionGroup var shared: SharedOptions
    @Argument(help: "The file; - is the standard input.") var file: String
    @Flag(help: "Take the file as one that was never seen; lines without ids are stored once more.") var again = false
    @Flag(help: "Print nothing but the result.") var quiet = false
    @Flag(help: "Print a JSON object.") var json = false

    func run() async throws {
        let descriptor = try open()
        defer { close(descriptor) }
        let engine = try shared.engine()
        let started = ContinuousClock.now
        let isShown = !quiet && Console.errorIsTerminal
        let summary: EventImport.Summary
        do {
            defer { Console.show(bar: "") }
            summary = try await engine.withConnection(for: "import") { connection in
                try await StoreInspection.requireStreams(connection, engine.settings.store)
                return try await EventImport(connection, engine.settings.store).run(from: descriptor, again: again) {
                    done in
                    if isShown {
                        let time = ContinuousClock.now - started
                        let rate = Format.rate(Double(done.lines) / (time / .seconds(1)))
                        Console.show(bar: "importing: \(Format.grouped(Int64(done.lines))) lines, \(rate)")
                    }
                }
            }
        } catch let error as EventStoreError where !error.badLines.isEmpty {
            for line in error.badLines { Console.error("\(Program.name): \(line)") }
            throw SilentExit(code: Failure.data)
        }
        report(summary, ContinuousClock.now - started)
    }

    private func open() throws -> Int32 {
        if file == "-" { return dup(STDIN_FILENO) }
        let descriptor = Glibc.open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw UsageError("\(file) cannot be read: \(String(cString: strerror(errno)))", remedy: "name another file")
        }
        return descriptor
    }

    private func report(_ summary: EventImport.Summary, _ time: Duration) {
        if json {
            let result: JSON = [
                "appended": .integer(Int64(summary.events)), "skipped": .integer(Int64(summary.skipped)),
                "lines": .integer(Int64(summary.lines)), "lines_before": .integer(Int64(summary.linesBefore)),
                "seconds": .optional(time / .seconds(1)),
            ]
            return Console.out(json: result)
        }
        var text = "Imported \(Format.grouped(Int64(summary.events))) events in \(Format.time(time))"
        if summary.skipped > 0 { text += "; \(Format.grouped(Int64(summary.skipped))) were there already" }
        if summary.linesBefore > 0 {
            text += "; the first \(Format.grouped(Int64(summary.linesBefore))) lines were done before"
        }
        Console.out(text + ".")
    }
}
