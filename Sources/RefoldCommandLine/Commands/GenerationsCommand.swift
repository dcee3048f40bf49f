internal import ArgumentParser
internal import Engine
internal import Refold

/// `refold generations`
struct GenerationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generations",
        abstract: "List the generations of all projections."
    )

    @OptionGroup var shared: SharedOptions
    @Flag(help: "Print a JSON object.") var json = false

    func run() async throws {
        let generations = try await shared.engine().generations()
        if json {
            let result: JSON = ["generations": .array(generations.map(\.json))]
            return Console.out(json: result)
        }
        var table = TextTable(["projection", "generation", "state", "position", "size", "phase", "begun", "pointed at"])
        for generation in generations { table.append(generation.cells) }
        let obstacles = generations.compactMap { generation in
            generation.obstacle.map { "! \(generation.projection) generation \(generation.generation): \($0)" }
        }
        Console.out(lines: table.lines + obstacles)
    }
}

extension GenerationStatus {
    fileprivate var json: JSON {
        [
            "projection": .text(projection.rawValue), "generation": .integer(generation.rawValue),
            "state": .text(role.rawValue),
            "position": .integer(position.rawValue), "phase": .text(phase.rawValue),
            "version": .integer(Int64(version)),
            "current": .boolean(isCurrent), "bytes": .integer(bytes), "created_at": .text("\(createdAt)"),
            "pointed_at": .optional(pointedAt.map { "\($0)" }), "obstacle": .optional(obstacle),
        ]
    }

    fileprivate var cells: [String] {
        [
            projection.rawValue, "\(generation)", isCurrent ? role.rawValue : "\(role.rawValue), other settings",
            Format.grouped(position.rawValue), "\(ByteSize(bytes: Int(bytes)))", phase.rawValue, "\(createdAt)",
            pointedAt.map { "\($0)" } ?? "–",
        ]
    }
}
