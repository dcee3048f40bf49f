public import Aggregates
package import ArgumentParser
public import Refold

/// What a program runs: projections, and what belongs to the events that they read.
public struct Installation: Sendable {
    /// What the program is called in its help.
    public let name: String
    /// What `--version` prints.
    public let version: String
    /// Every projection, with its default settings; `status` and `rebuild` name them in this order.
    public let projections: [any Projection]
    /// The aggregates whose states `streams show` prints.
    public let aggregates: [any Aggregate.Type]
    /// How payloads of older versions become the current ones.
    public let upcasters: Upcasters
    /// Commands of its own, such as one that generates sample events.
    let commands: [any AsyncParsableCommand.Type]

    /// - Parameters:
    ///   - name: by default `refold`.
    ///   - version: by default the version of Refold.
    ///   - projections: with names that differ.
    public init(
        name: String = "refold",
        version: String = RefoldCommand.version,
        projections: [any Projection],
        aggregates: [any Aggregate.Type] = [],
        upcasters: Upcasters = Upcasters()
    ) {
        self.init(
            name: name,
            version: version,
            projections: projections,
            aggregates: aggregates,
            upcasters: upcasters,
            commands: []
        )
    }

    /// - Parameter commands: commands of its own.
    package init(
        name: String = "refold",
        version: String = RefoldCommand.version,
        projections: [any Projection],
        aggregates: [any Aggregate.Type],
        upcasters: Upcasters,
        commands: [any AsyncParsableCommand.Type]
    ) {
        precondition(Set(projections.map(\.name)).count == projections.count, "two projections have the same name")
        self.name = name
        self.version = version
        self.projections = projections
        self.aggregates = aggregates
        self.upcasters = upcasters
        self.commands = commands
    }

    /// The one whose command is running. The argument parser makes commands by their types, so there is no other way to
    /// hand it to them.
    @TaskLocal static var current = Installation(projections: [])
}
