package import Engine
internal import EventStore
internal import Refold

extension Status {
    /// What `status` prints: the store, a table of the projections, then a line for everything that wants attention.
    package var lines: [String] {
        var lines = [
            "store \(store.table) (\(store.payload ?? "unreadable")): position \(Format.grouped(store.position.rawValue)), "
                + "high-water mark \(Format.grouped(store.mark.rawValue)), batches of \(store.batchSize)"
        ]
        var table = TextTable(["projection", "live", "position", "lag", "age", "state", "rate", "cache", "owner"])
        for projection in projections { table.append(projection.cells) }
        lines += table.lines
        lines += projections.compactMap(\.buildingLine)
        lines += relays.flatMap(\.lines)
        return lines + store.notes + projections.flatMap(\.notes) + (outbox?.lines ?? [])
    }
}

extension OutboxStatus {
    fileprivate var lines: [String] {
        var line = "outbox: \(Format.grouped(waiting)) emitted events wait"
        if let age { line += ", the oldest for \(Format.time(age))" }
        if let appender { line += "; \(appender.host) \(appender.pid) appends" }
        return [line] + (cause.map { ["! outbox: \($0)"] } ?? [])
    }
}

extension RelayStatus {
    fileprivate var lines: [String] {
        let name = version.isEmpty ? "relay" : "relay of version \(version)"
        let who = owner.map { "\($0.host) \($0.pid)" } ?? "nobody sends"
        let line =
            "\(name): position \(Format.grouped(position.rawValue)), lag \(Format.grouped(lag)), epoch \(epoch), \(who)"
        return [line] + (cause.map { ["! \(name): \($0)"] } ?? [])
    }
}

extension StoreStatus {
    fileprivate var notes: [String] {
        var notes: [String] = []
        if let hold {
            let age = hold.age.map { "open for \(Format.time($0))" } ?? "age unknown (it needs pg_read_all_stats)"
            notes.append("! the mark is held before position \(hold.position) by \(hold.name), \(age)")
        }
        if !lateEvents.isEmpty {
            let some = lateEvents.prefix(10).map { "\($0)" }.joined(separator: ", ")
            let more = lateEvents.count > 10 ? " and \(lateEvents.count - 10) more" : ""
            notes.append(
                "! late event at \(some)\(more): stop writers that insert positions drawn earlier, then rebuild"
            )
        }
        return notes
    }
}

extension ProjectionStatus {
    fileprivate var cells: [String] {
        [
            name.rawValue, live.map { "\($0)" } ?? "–", Format.grouped(position.rawValue), Format.grouped(lag),
            lag == 0 ? "–" : lagTime.map { Format.time($0) } ?? "–", state.rawValue,
            rate.map { Format.rate($0) } ?? "–", cache.rawValue, owner.map { "\($0.host) \($0.pid)" } ?? "–",
        ]
    }

    fileprivate var buildingLine: String? {
        guard let building else { return nil }
        // A reset one is live before it has rows.
        let isLive = building.generation == live
        var line =
            "  \(name): generation \(building.generation) is \(isLive ? "empty until it has caught up" : building.state.rawValue), at \(Format.grouped(building.position.rawValue))"
        if let target = building.target { line += " of \(Format.grouped(target.rawValue))" }
        if let rate = building.rate { line += ", \(Format.rate(rate))" }
        if let remaining = building.remaining { line += ", \(Format.time(remaining)) left" }
        if building.owner == nil {
            line += "; nobody is building it: \(Program.name) \(isLive ? "tail fills it" : "rebuild resumes it")"
        }
        return line
    }

    fileprivate var notes: [String] {
        var notes: [String] = []
        if let cause { notes.append("! \(name): \(cause)") }
        if let lastError, cause == nil { notes.append("  \(name): last error \(lastError.at): \(lastError.message)") }
        if deadLetters > 0 {
            notes.append("  \(name): \(Format.grouped(deadLetters)) dead letters in refold.dead_letters")
        }
        if let cacheError { notes.append("! \(name): the cache is behind: \(cacheError)") }
        return notes
    }
}
