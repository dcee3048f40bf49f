package import Engine
internal import EventStore
package import Refold

extension Status {
    /// The object that `status --json` prints.
    package var json: JSON {
        var status: JSON.Object = JSON.Object([
            JSON.Object.Member("store", store.json),
            JSON.Object.Member("projections", .array(projections.map(\.json))),
        ])
        // Most installations have none.
        if !relays.isEmpty { status["relays"] = .array(relays.map(\.json)) }
        if let outbox { status["outbox"] = outbox.json }
        return .object(status)
    }
}

extension RelayStatus {
    fileprivate var json: JSON {
        [
            "version": .text(version), "position": .integer(position.rawValue),
            "high_water_mark": .integer(mark.rawValue), "lag_events": .integer(lag), "epoch": .integer(epoch),
            "cause": .optional(cause), "owner": owner?.json ?? .null,
        ]
    }
}

extension OutboxStatus {
    fileprivate var json: JSON {
        [
            "waiting": .integer(waiting), "oldest_seconds": .optional(age.map { $0 / .seconds(1) }),
            "appender": appender?.json ?? .null, "cause": .optional(cause),
        ]
    }
}

extension StoreStatus {
    fileprivate var json: JSON {
        [
            "table": .text(table), "position": .integer(position.rawValue), "high_water_mark": .integer(mark.rawValue),
            "batch_size": .integer(Int64(batchSize)), "payload": .optional(payload),
            "hold": hold?.json ?? .null,
            "late_events": .array(lateEvents.map { .integer($0.rawValue) }),
            "problem": .optional(problem.map { Failure($0).line ?? "\($0)" }),
        ]
    }
}

extension BlockingTransaction.Details {
    fileprivate var json: JSON {
        [
            "position": .integer(position.rawValue), "pid": .optional(processID.map { Int64($0) }),
            "prepared_transaction": .optional(preparedID), "application": .optional(application),
            "age_seconds": .optional(age.map { $0 / .seconds(1) }),
        ]
    }
}

extension ProjectionStatus {
    fileprivate var json: JSON {
        let error: JSON = lastError.map { ["message": .text($0.message), "at": .text("\($0.at)")] } ?? .null
        var object: JSON.Object = [
            "name": .text(name.rawValue), "live_generation": .optional(live?.rawValue),
            "position": .integer(position.rawValue),
            "high_water_mark": .integer(mark.rawValue), "lag_events": .integer(lag),
            "lag_seconds": .optional(lagTime.map { $0 / .seconds(1) }), "state": .text(state.rawValue),
            "cause": .optional(cause), "rate": .optional(rate), "owner": owner?.json ?? .null, "last_error": error,
            "dead_letters": .integer(deadLetters),
            "cache": ["state": .text(cache.rawValue), "error": .optional(cacheError)],
            "building": building?.json ?? .null,
        ]
        if let emittedThrough { object["emitted_through"] = .integer(emittedThrough.rawValue) }
        return .object(object)
    }
}

extension BuildingStatus {
    fileprivate var json: JSON {
        [
            "generation": .integer(generation.rawValue), "position": .integer(position.rawValue),
            "target": .optional(target?.rawValue), "state": .text(state.rawValue), "phase": .text(phase.rawValue),
            "rate": .optional(rate),
            "eta_seconds": .optional(remaining.map { $0 / .seconds(1) }), "owner": owner?.json ?? .null,
        ]
    }
}

extension Owner {
    fileprivate var json: JSON {
        ["host": .text(host), "pid": .integer(Int64(pid)), "since": .optional(since.map { "\($0)" })]
    }
}
