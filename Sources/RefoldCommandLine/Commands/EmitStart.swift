internal import ArgumentParser
internal import Engine
internal import Refold

/// Where projections begin to emit: what `--emit-from` says.
struct EmitStart: ExpressibleByArgument {
    /// The first position whose event emits.
    let position: GlobalPosition

    /// Reads `start` or a position, 1 or more.
    init?(argument: String) {
        if argument == "start" {
            position = 1
        } else if let number = Int64(argument), number >= 1 {
            position = GlobalPosition(number)
        } else {
            return nil
        }
    }

    static let help: ArgumentHelp = ArgumentHelp(
        "Emit what follows from events from here on, for projections that have emitted nothing yet: start, or a position. "
            + "By default they emit from where they are first pointed at.",
        valueName: "position"
    )

    /// - Throws: `UsageError` when none of the projections emits anything.
    static func requireEmitter(among projections: [any Projection]) throws {
        guard projections.allSatisfy(\.emittedTypes.isEmpty) else { return }
        throw UsageError("none of the projections emits events", remedy: "leave --emit-from out")
    }
}
