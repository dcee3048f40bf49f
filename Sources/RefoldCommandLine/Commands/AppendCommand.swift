internal import ArgumentParser
internal import Engine
internal import EventStore
internal import Refold

/// `refold append`
struct AppendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "append",
        abstract: "Append one event to a stream.",
        discussion: """
            With --id the same command may be repeated: an event that is already there, in the same place, is not \
            stored twice. Exit code 75 when the stream is not at the version expected, 65 when the data are no JSON.
            """
    )

    @OptionGroup var shared: SharedOptions
    @Argument(help: "The stream, such as account-17.") var stream: String
    @Option(help: "The event's type, such as account.deposited.") var type: String
    @Option(help: ArgumentHelp("The payload, JSON.", valueName: "json")) var data: String
    @Option(help: ArgumentHelp("The event's id; a new one unless given.", valueName: "uuid")) var id: String?
    @Option(
        help: ArgumentHelp("Where the stream must stand: any, none, exists or a version.", valueName: "where"),
        transform: Self.expectation
    )
    var expecting = ExpectedVersion.any
    @Option(help: "The version of the type.") var typeVersion: Int = 1
    @Option(name: .customLong("correlation-id"), help: "The id shared by everything that belongs together.")
    var correlationID: String?
    @Option(name: .customLong("causation-id"), help: "What the event followed from.") var causationID: String?
    @Option(name: .customLong("user-id"), help: "Who caused it.") var userID: String?
    @Option(help: ArgumentHelp("Further metadata, a JSON object.", valueName: "json")) var metadata: String?
    @Flag(help: "Print a JSON object.") var json = false

    func validate() throws {
        guard !stream.isEmpty else { throw ValidationError("the stream's id is empty") }
        guard !type.isEmpty else { throw ValidationError("--type is empty") }
        guard typeVersion >= 1 else { throw ValidationError("--type-version is \(typeVersion), not 1 or more") }
        guard id.map({ EventID($0) != nil }) ?? true else { throw ValidationError("--id is no UUID: \(id ?? "")") }
    }

    func run() async throws {
        let event = NewEvent(
            id: id.flatMap { EventID($0) },
            type: type,
            typeVersion: typeVersion,
            payload: try Self.parse(data, "--data").text,
            correlationID: correlationID,
            causationID: causationID,
            userID: userID,
            metadata: try metadataMembers()
        )
        let appended = try await shared.engine().withStreams(for: "append") { streams in
            try await streams.append(to: stream, expecting: expecting, events: [event])
        }
        let position = appended.positions.last ?? .zero
        if json {
            let result: JSON = [
                "stream": .text(stream), "version": .integer(appended.version.rawValue),
                "position": .integer(position.rawValue), "id": .text("\(event.id)"),
                "repeated": .boolean(appended.wasRepeated),
            ]
            return Console.out(json: result)
        }
        let place = "version \(appended.version) of \(stream), at position \(Format.grouped(position.rawValue))"
        Console.out(appended.wasRepeated ? "It was there before: \(place)." : "Appended \(place).")
    }

    private func metadataMembers() throws -> JSON.Object {
        guard let metadata else { return [:] }
        guard let members = try Self.parse(metadata, "--metadata").asObject else {
            throw EventStoreError(.invalidEvent, "--metadata is no JSON object")
        }
        // The members that appending writes itself would replace them silently.
        for name in EventStreams.ownMetadata where members[name] != nil {
            throw EventStoreError(
                .invalidEvent,
                "--metadata has the member \"\(name)\", which appending writes itself",
                remedy: "leave it out; there are options for versions, correlation, causation and user"
            )
        }
        return members
    }

    private static func parse(_ text: String, _ option: String) throws -> JSON {
        do {
            return try JSON(rewriting: text)
        } catch {
            throw EventStoreError(.invalidEvent, "\(option) is \(error)")
        }
    }

    private static func expectation(_ text: String) throws -> ExpectedVersion {
        switch text {
        case "any": return .any
        case "none": return .noStream
        case "exists": return .streamExists
        default:
            guard let version = Int64(text), version >= 0 else {
                throw ValidationError("take any, none, exists or a version")
            }
            return .exactly(StreamPosition(version))
        }
    }
}
