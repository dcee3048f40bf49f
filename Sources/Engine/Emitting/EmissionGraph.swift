package import Refold

/// Which projection reads what which projection emits.
package struct EmissionGraph {
    private let projections: [any Projection]

    package init(_ projections: [any Projection]) { self.projections = projections }

    /// Projections of which each reads what the one before emits, and the first what the last one emits; nil when there
    /// are none. They would emit for ever.
    package var loop: [Step]? {
        var finished = Set<ProjectionName>()
        for projection in projections {
            var path: [Step] = []
            if let loop = loop(through: projection, &path, &finished) { return loop }
        }
        return nil
    }

    /// A projection, and the type of event by which it reaches the next one.
    package struct Step: Sendable, Hashable {
        package let projection: ProjectionName
        package let type: EventType
    }

    /// Follows what a projection emits, depth first.
    ///
    /// - Parameters:
    ///   - path: how it was reached.
    ///   - finished: projections from which no loop is reached.
    private func loop(
        through projection: any Projection,
        _ path: inout [Step],
        _ finished: inout Set<ProjectionName>
    ) -> [Step]? {
        if let start = path.firstIndex(where: { $0.projection == projection.name }) { return Array(path[start...]) }
        guard !finished.contains(projection.name) else { return nil }
        for type in projection.emittedTypes {
            path.append(Step(projection: projection.name, type: type))
            for reader in projections where reader.eventTypes.contains(type) {
                if let loop = loop(through: reader, &path, &finished) { return loop }
            }
            path.removeLast()
        }
        finished.insert(projection.name)
        return nil
    }
}

extension EngineError {
    static func loop(_ steps: [EmissionGraph.Step]) -> EngineError {
        let first = steps[0].projection
        let way = steps.map { "\($0.projection) emits \($0.type)" }.joined(separator: ", which is read: ")
        return EngineError(
            .emissionLoop,
            projection: first,
            "projections would emit for ever: \(way), which \(first) reads",
            remedy: "take one of these types out of eventTypes or emittedTypes"
        )
    }
}
