package import EventStore
package import Refold

/// Up to where a projection has emitted, as `refold.emitters` has it.
package struct Emitter: Sendable, Hashable {
    /// The first position whose event may emit.
    package let start: GlobalPosition
    /// What events up to here have emitted is in the outbox or in the log.
    package let emittedThrough: GlobalPosition
    /// The log whose positions these are; nil until it is known.
    package let log: LogID?

    /// Whether the positions are those of a generation.
    func isOf(_ generation: Generation) -> Bool {
        guard let log, let other = generation.log else { return true }
        return log == other
    }
}

extension Projection {
    /// Whether its events may emit others.
    var emits: Bool { !emittedTypes.isEmpty }
}
