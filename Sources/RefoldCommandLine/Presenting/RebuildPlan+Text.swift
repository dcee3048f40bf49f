package import Engine
package import Refold

extension RebuildPlan {
    /// What `rebuild --dry-run` prints.
    package var lines: [String] {
        var lines = ["A rebuild would read up to position \(Format.grouped(head.rawValue)):"]
        var table = TextTable(["event type", "events", "payloads"])
        for share in types {
            table.append([share.type, Format.grouped(share.events), "\(ByteSize(bytes: Int(share.bytes)))"])
        }
        let (events, bytes) = types.reduce((0, 0)) { ($0.0 + $1.events, $0.1 + $1.bytes) }
        table.append(["all of them", Format.grouped(events), "\(ByteSize(bytes: Int(bytes)))"])
        lines += table.lines
        if !isExact { lines.append("(estimated from a sample of the table)") }
        lines += steps.map(\.text)
        lines.append(
            time.map { "At the rate of the last rebuild it would take \(Format.time($0))." }
                ?? "How long it takes is not known: there was no rebuild yet."
        )
        lines.append("Nothing was changed.")
        return lines
    }

    /// The same as an object.
    package var json: JSON {
        [
            "head": .integer(head.rawValue), "exact": .boolean(isExact),
            "types": .array(
                types.map { ["type": .text($0.type), "events": .integer($0.events), "bytes": .integer($0.bytes)] }
            ),
            "projections": .array(steps.map(\.json)), "seconds": .optional(time.map { $0 / .seconds(1) }),
        ]
    }
}

extension RebuildPlan.Step {
    fileprivate var text: String {
        var text = "\(projection): "
        if let resumed {
            text +=
                isReady
                ? "point at generation \(resumed), which is ready"
                : "resume generation \(resumed) from position \(Format.grouped(start.rawValue))"
        } else {
            text += "build a new generation"
        }
        if let live { text += "; keep generation \(live) for rollback" }
        if !dropped.isEmpty {
            let numbers = dropped.map { "\($0)" }.joined(separator: ", ")
            text += "; drop generation \(numbers) (\(ByteSize(bytes: Int(droppedBytes))))"
        }
        return text
    }

    fileprivate var json: JSON {
        [
            "name": .text(projection.rawValue), "resumes": .optional(resumed?.rawValue),
            "from": .integer(start.rawValue),
            "ready": .boolean(isReady), "keeps": .optional(live?.rawValue),
            "drops": .array(dropped.map { .integer($0.rawValue) }),
            "dropped_bytes": .integer(droppedBytes), "expected_bytes": .optional(expectedBytes),
            "last_rate": .optional(lastRate),
        ]
    }
}
