internal import AggregateStore
internal import ArgumentParser
internal import Engine
internal import EventStore
internal import Refold

extension StreamsCommand {
    /// `refold streams show`
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a stream's events and, where its aggregate is known, the state they make.",
            discussion: "With --at or --as-of as it was then. Exit code 65 when there is no such stream or version."
        )

        @OptionGroup var shared: SharedOptions
        @Argument(help: "The stream, such as account-17.") var stream: String
        @Option(help: "Up to this version.") var at: Int64?
        @Option(
            name: .customLong("as-of"),
            help: ArgumentHelp("Up to this time, in ISO 8601.", valueName: "time"),
            transform: Self.time
        )
        var asOf: Timestamp?
        @Flag(help: "Print a JSON object.") var json = false

        func validate() throws {
            guard at == nil || asOf == nil else { throw ValidationError("--at and --as-of exclude each other") }
            guard at.map({ $0 >= 0 }) ?? true else { throw ValidationError("--at is \(at ?? 0), not 0 or more") }
        }

        func run() async throws {
            let engine = try shared.engine()
            try await engine.withStreams(for: "streams show") { streams in
                let last = try await lastVersion(streams)
                let output = StreamOutput(stream: stream, asJSON: json)
                output.begin()
                // Streams of an adopted store may begin with version 0.
                for try await event in streams.readStream(stream, from: 0, to: last) { output.print(event) }
                try await printState(engine, streams, through: last, output)
            }
        }

        /// The last version to show.
        private func lastVersion(_ streams: EventStreams) async throws -> StreamPosition {
            var newest: StreamPosition?
            for try await event in streams.readStream(stream, from: 0, limit: 1, backwards: true) {
                newest = event.version
            }
            guard let newest else {
                Console.error("\(Program.name): there is no stream \(stream) — see \(Program.name) streams list")
                throw SilentExit(code: Failure.data)
            }
            if let asOf { return try await streams.version(of: stream, at: asOf) ?? StreamPosition(-1) }
            guard let at else { return newest }
            guard at <= newest.rawValue else {
                Console.error("\(Program.name): stream \(stream) has no version \(at) — it stands at \(newest)")
                throw SilentExit(code: Failure.data)
            }
            return StreamPosition(at)
        }

        private func printState(
            _ engine: Engine,
            _ streams: EventStreams,
            through last: StreamPosition,
            _ output: StreamOutput
        ) async throws {
            let moment = Moment.version(max(0, last))
            do {
                for kind in Installation.current.aggregates.map({ KnownAggregate($0) }) {
                    let state = try await kind.state(
                        of: stream,
                        at: moment,
                        in: streams,
                        upcasters: engine.upcasters,
                        logger: engine.logger
                    )
                    if let state { return output.end(at: last, kind.name, state) }
                }
                output.end(at: last)
            } catch {
                output.end(at: last)
                throw error
            }
        }

        @Sendable private static func time(_ text: String) throws -> Timestamp {
            guard let time = Timestamp(text) else {
                throw ValidationError("\(text) is no time in ISO 8601, such as 2026-05-01T12:00:00Z")
            }
            return time
        }
    }
}
