internal import Foundation

/// The table that the benchmark prints.
struct Report {
    private let plan: Plan
    private let results: Results
    private let workplace: Workplace
    private let logs: Logs

    init(_ plan: Plan, _ results: Results, _ workplace: Workplace) throws {
        self.plan = plan
        self.results = results
        self.workplace = workplace
        logs = try Logs(workplace)
    }

    func print() async throws {
        Swift.print(try await heading())
        times()
        latencies()
        appends()
        loads()
        figures()
    }

    private func heading() async throws -> String {
        let payload = try await logs.database("bench_json").text(
            """
            SELECT pg_size_pretty(avg(length(event_data::text))::bigint)
            FROM (SELECT event_data FROM events ORDER BY global_position LIMIT 100000) AS e
            """
        )
        var settings: [String: String] = [:]
        for name in ["server_version", "shared_buffers", "max_wal_size", "fsync", "synchronous_commit"] {
            settings[name] = try await logs.server.text("SELECT current_setting('\(name)')")
        }
        func setting(_ name: String) -> String { settings[name] ?? "" }
        return """

            \(grouped(plan.events)) events, payloads of \(payload) on average; \(try Machine.description()); \
            PostgreSQL \(setting("server_version")), shared_buffers \(setting("shared_buffers")), \
            max_wal_size \(setting("max_wal_size")), fsync \(setting("fsync")), \
            synchronous_commit \(setting("synchronous_commit")); server and client on one machine.
            Medians of \(plan.runs) runs that took turns; processor time and memory (the highest peak) are those of the \
            client process, not the server's.
            """
    }

    // MARK: What was measured

    private func times() {
        Swift.print()
        line("", "seconds", "processor", "events/s", "peak", width: [58, 9, 10, 12, 12])
        row("(a) floor: ordered binary COPY, json payloads", .floorJSON)
        row("(a) floor: ordered binary COPY, jsonb payloads", .floorJSONB)
        row("(b) set-based SQL, jsonb payloads", .setBased)
        row("(c) rebuild of three read models and cache, json", .rebuildJSON)
        row("(c) rebuild of three read models and cache, jsonb", .rebuildJSONB)
        row("(c) rebuild of all read models, json", .rebuildAll)
        row("(c) rebuild of those without viewing sessions, json", .rebuildWithoutSessions)
        row("(d) tail from nothing until caught up, json", .tail)
        row("(f) \\copy of \(grouped(results.imported)) of the events", .copy, results.imported)
        row("(f) import of the same events from NDJSON", .imported, results.imported)
        row("(i) relay of the log to Kafka's mock cluster, json", .relayed)
        line(
            "    the same producer, the same records from memory",
            "",
            "",
            grouped(Int(results.rate(.sentFromMemory))),
            width: [58, 9, 10, 12]
        )
        guard let large = plan.large else { return }
        row("(a) floor: json payloads, \(grouped(large)) events", .floorLarge, large)
        row("(c) rebuild, json, \(grouped(large)) events", .rebuildLarge, large)
        row("(c) rebuild, json, \(grouped(large)) events, 128 MiB budget", .rebuildTight, large)
    }

    private func row(_ label: String, _ way: Way, _ events: Int? = nil) {
        let seconds = results.seconds(way)
        line(
            label,
            decimals(seconds),
            decimals(results.processor(way)),
            grouped(Int((Double(events ?? plan.events) / seconds).rounded())),
            "\(results.peak(way)) MiB",
            width: [58, 9, 10, 12, 12]
        )
    }

    private func latencies() {
        let turns = [
            ("    the same by itself", results.besideRelay.without), ("    beside a relay", results.besideRelay.with),
            ("    personal_profiles without emitting", results.emitting.without),
            ("    personal_profiles emitting", results.emitting.with),
        ].flatMap { label, turns in
            turns.enumerated().map { ("\(label), turn \($0.offset + 1)", $0.element.shown) }
        }
        let title = "(e) tail latency over \(grouped(results.live.events)) events, 1,000 a second"
        Swift.print()
        line(title, "p50", "p99", "max", width: [58, 10, 10, 10])
        for (label, times) in [
            ("    until all three read models show the event", results.live.shown),
            ("    before that: waiting for older transactions", results.live.waited),
        ] + turns {
            let texts = [times.middle, times.percentile99, times.longest].map { decimals($0) + " ms" }
            line(label, texts[0], texts[1], texts[2], width: [58, 10, 10, 10])
        }
        Swift.print("    peak memory of the daemon: \(results.daemonMebibytes) MiB")
    }

    private func appends() {
        Swift.print()
        line("(g) appends, events/s", "refold", "BEGIN…COMMIT", "one INSERT", width: [58, 9, 12, 12])
        for writers in WriteSide.writers {
            line(
                "    single events, \(writers) at once, beside pgbench",
                whole(.appends(writers: writers)),
                whole(.transactions(writers: writers)),
                whole(.statements(writers: writers)),
                width: [58, 9, 12, 12]
            )
        }
        line("    100 events a call, one writer", whole(.appendsOfHundred), width: [58, 9])
        line("    single events, 8 at once, beside the tail", grouped(Int(results.fullSpeedRate)), width: [58, 9])
    }

    private func loads() {
        Swift.print()
        line("(h) loading an account of \(grouped(Loads.events)) events, ms", "refold", width: [58, 9])
        for (label, age) in [
            ("    from its events alone", SnapshotAge.none),
            ("    by a snapshot of the newest event", .newest),
            ("    by one that 50 events followed", .average),
            ("    by one that 99 events followed, as many as there can be", .oldest),
        ] {
            line(label, decimals(results.rate(.loading(age))), width: [58, 9])
        }
    }

    // MARK: What is aimed for

    private func figures() {
        Swift.print()
        line("figure", "reached", "must", "aim", "  verdict", width: [58, 9, 8, 8, 0])
        for figure in Figure.all(plan, results) {
            line(
                figure.label,
                decimals(figure.value),
                "\(figure.must)",
                "\(figure.aim)",
                "  \(figure.verdict)",
                width: [58, 9, 8, 8, 0]
            )
        }
    }

    // MARK: Text

    private func whole(_ rate: Rate) -> String { grouped(Int(results.rate(rate))) }

    private func decimals(_ number: Double) -> String { String(format: "%.2f", number) }

    /// Columns of such widths, the first flush left.
    private func line(_ cells: String..., width: [Int]) {
        var text = ""
        for (index, cell) in cells.enumerated() {
            let space = String(repeating: " ", count: max(0, width[index] - cell.count))
            text += index == 0 ? cell + space : " " + space + cell
        }
        Swift.print(text)
    }
}

/// `1,234,567`
func grouped(_ number: Int) -> String {
    number.formatted(.number.locale(Locale(identifier: "en_US")))
}
