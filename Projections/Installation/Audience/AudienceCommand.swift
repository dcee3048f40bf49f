import ArgumentParser
import Engine
import Refold
import RefoldCommandLine
import VideoProjections

/// `refold audience`
struct AudienceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audience",
        abstract: "Show the live viewers, by quality, and the peaks of the last hour by minute.",
        discussion: """
            A session is live when it has not ended and its last heartbeat is less than audience_by_minute's live-for ago \
            (30s). The cache is asked first, and the database for what it cannot say. Sessions are known by their last \
            heartbeat alone: for a moment long before it the peaks are the history.
            """
    )

    /// Where the numbers are to come from.
    enum Choice: String, ExpressibleByArgument, CaseIterable {
        case cache
        case sql
    }

    @OptionGroup var shared: SharedOptions
    @Option(help: "The moment, such as 2026-05-01T12:00:00Z; now unless given.", transform: Self.moment)
    var at: Timestamp?
    @Option(help: "Ask this one only.") var from: Choice?
    @Flag(help: "Show it again every second, until interrupted.") var watch = false
    @Flag(help: "Print a JSON object; with --watch one a line.") var json = false

    func validate() throws {
        guard !watch || at == nil else { throw ValidationError("--at does not go with --watch, which shows now") }
    }

    func run() async throws {
        let engine = try shared.engine()
        if from == .cache && engine.cache == nil {
            throw EngineError(.setting, "there is no cache", remedy: "set redis.url (REFOLD_REDIS_URL)")
        }
        // As it is configured: it counts the same sessions by minute.
        let minutes = engine.projections.compactMap { $0 as? AudienceByMinute }.first ?? AudienceByMinute()
        let source: Audience.Source? =
            switch from {
            case .cache: .cache
            case .sql: .database
            case nil: nil
            }
        let reader = AudienceReader(engine: engine, liveFor: minutes.liveFor, source: source)
        let (at, json) = (at, json)
        do {
            try await Watch.run(isRepeated: watch, isJSON: json) {
                let audience = try await reader.audience(at: at ?? .now())
                return json ? .json(audience.json) : .lines(audience.lines)
            }
        } catch let miss as AudienceReader.CacheMisses {
            Console.error("\(Program.name): the cache does not hold \(miss.what) — leave out --from cache")
            throw ExitCode(65)
        }
    }

    @Sendable private static func moment(_ text: String) throws -> Timestamp {
        // An hour and a minute on both sides have to be times, too.
        guard let time = Timestamp(text), time.isFinite, (try? time - .seconds(7200)) != nil,
            (try? time + .seconds(7200)) != nil
        else {
            throw ValidationError("\(text) is no time in ISO 8601, such as 2026-05-01T12:00:00Z")
        }
        return time
    }
}
