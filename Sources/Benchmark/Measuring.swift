/// Takes all measurements in turns, and compares what came out.
struct Measuring {
    private let plan: Plan
    private let workplace: Workplace
    private let logs: Logs
    private let json: Database
    private let jsonb: Database
    private let large: Database
    private let written: Database

    init(_ plan: Plan, _ workplace: Workplace) throws {
        self.plan = plan
        self.workplace = workplace
        logs = try Logs(workplace)
        json = try logs.database("bench_json")
        jsonb = try logs.database("bench_jsonb")
        large = try logs.database("bench_large")
        written = try logs.database("bench_write")
    }

    func run() async throws -> Results {
        var results = Results()
        try await logs.generate(plan.events, in: json)
        try await logs.copy(json, plan.events, to: jsonb)
        let reading = ReadSide(workplace, logs.server)
        let writing = try await WriteSide(plan, workplace, logs, from: json, into: written)
        results.imported = writing.imported
        let relaying = try await Relaying(workplace, logs.server, from: json)
        for run in 1...plan.runs {
            say("Run \(run) of \(plan.runs) …")
            if run == 1 {
                // The first only warms up.
                for database in [json, jsonb] { _ = try await reading.floor(database) }
            }
            results.add(try await reading.floor(json), to: .floorJSON)
            results.add(try await reading.floor(jsonb), to: .floorJSONB)
            results.add(try await reading.setBased(jsonb), to: .setBased)
            results.add(try await reading.rebuild(json), to: .rebuildJSON)
            let rebuilt = try await reading.fingerprint(json)
            results.add(try await reading.rebuild(jsonb), to: .rebuildJSONB)
            if try await reading.fingerprint(jsonb) != rebuilt {
                results.wrong.append("json and jsonb payloads give different rows")
            }
            results.add(try await reading.catchUp(json), to: .tail)
            if try await reading.fingerprint(json) != rebuilt {
                results.wrong.append("tail and rebuild give different rows")
            }
            try await writing.measure(into: &results)
            try await writing.load(into: &results)
            results.add(try await relaying.relay(), to: .relayed)
            results.add(try await relaying.sendFromMemory(plan.events), to: .sentFromMemory)
        }
        await relaying.end()
        results.wrong += try await reading.differences(jsonb)
        try await observeTail(writing, &results)
        if let events = plan.large { try await measureLarge(events, reading, &results) }
        return results
    }

    func dropLogs() async throws {
        for database in [json, jsonb, large, written] { try await logs.drop(database) }
    }

    private func observeTail(_ writing: WriteSide, _ results: inout Results) async throws {
        say("Observing the tail for \(plan.live.components.seconds) seconds …")
        let tail = TailObserver(workplace)
        (results.live, results.daemonMebibytes) = try await tail.observe(json, for: plan.live + .seconds(3)) {
            try await workplace.run(
                [
                    workplace.refold, "generate", "--live", "--writers", "4", "--rate", "1000", "--rollback", "0",
                    "--transaction-time", "1ms", "--for", "\(plan.live.components.seconds)s", "--seed", "2",
                ],
                environment: json.environment
            )
        }
        say("Observing it with eight writers at full speed …")
        try await writing.empty()
        var rate = 0.0
        (results.fullSpeed, _) = try await tail.observe(written, for: plan.fullSpeed + .seconds(2)) {
            rate = try await Appends(written, writers: 8, eventsPerCall: 1).rate(for: plan.fullSpeed)
        }
        results.fullSpeedRate = rate
        for (latency, which) in [(results.live, "live events"), (results.fullSpeed, "events at full speed")]
        where latency.unseen != 0 || latency.events == 0 {
            results.wrong.append("\(latency.unseen) of \(latency.events) \(which) were never shown")
        }
    }

    private func measureLarge(_ events: Int, _ reading: ReadSide, _ results: inout Results) async throws {
        try await logs.generate(events, in: large)
        // The first only warms up, as for the others.
        _ = try await reading.floor(large)
        results.add(try await reading.floor(large), to: .floorLarge)
        results.add(try await reading.rebuild(large), to: .rebuildLarge)
        let rebuilt = try await reading.fingerprint(large)
        results.add(try await reading.rebuild(large, memoryBudget: "128MiB"), to: .rebuildTight)
        if try await reading.fingerprint(large) != rebuilt {
            results.wrong.append("a budget of 128 MiB gives different rows")
        }
    }
}
