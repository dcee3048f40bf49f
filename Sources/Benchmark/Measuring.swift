internal import Foundation

/// Takes all measurements in turns, and compares what came out.
struct Measuring {
    private let plan: Plan
    private let workplace: Workplace
    private let logs: Logs
    private let json: Database
    private let jsonb: Database
    private let large: Database
    private let written: Database
    private let sessions: Database

    init(_ plan: Plan, _ workplace: Workplace) throws {
        self.plan = plan
        self.workplace = workplace
        logs = try Logs(workplace)
        json = try logs.database("bench_json")
        jsonb = try logs.database("bench_jsonb")
        large = try logs.database("bench_large")
        written = try logs.database("bench_write")
        sessions = try logs.database("bench_sessions")
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
            results.add(try await reading.rebuild(in: json), to: .rebuildJSON)
            let rebuilt = try await reading.fingerprint(json)
            results.add(try await reading.rebuild(in: jsonb), to: .rebuildJSONB)
            if try await reading.fingerprint(jsonb) != rebuilt {
                results.wrong.append("json and jsonb payloads give different rows")
            }
            let withoutSessions = ReadSide.modelsWithoutSessions
            results.add(try await reading.rebuild(withoutSessions, in: json), to: .rebuildWithoutSessions)
            results.add(try await reading.rebuild([], in: json), to: .rebuildAll)
            results.add(try await reading.catchUp(json), to: .tail)
            if try await reading.fingerprint(json) != rebuilt {
                results.wrong.append("tail and rebuild give different rows")
            }
            try await writing.measure(into: &results)
            try await writing.load(into: &results)
            results.add(try await relaying.relay(), to: .relayed)
            results.add(try await relaying.sendFromMemory(plan.events), to: .sentFromMemory)
        }
        results.wrong += try await reading.differences(jsonb)
        try await observeTail(writing, relaying, &results)
        await relaying.end()
        try await observeEmitting(&results)
        if let events = plan.large { try await measureLarge(events, reading, &results) }
        return results
    }

    func dropLogs() async throws {
        for database in [json, jsonb, large, written, sessions] { try await logs.drop(database) }
    }

    private func observeTail(_ writing: WriteSide, _ relaying: Relaying, _ results: inout Results) async throws {
        say("Observing the tail for \(seconds(plan.live)), by itself and beside a relay …")
        let tail = TailObserver(workplace)
        for turn in 1...2 {
            let (alone, peak) = try await tail.observe(in: json, for: plan.live + .seconds(3)) { try await writeLive() }
            if turn == 1 { (results.live, results.daemonMebibytes) = (alone, peak) }
            results.besideRelay.without.append(alone)
            let relay = try await relaying.startRelay()
            let (beside, _) = try await tail.observe(in: json, for: plan.live + .seconds(3)) { try await writeLive() }
            try await relaying.stop(relay)
            results.besideRelay.with.append(beside)
        }
        say("Observing it with eight writers at full speed …")
        try await writing.empty()
        var rate = 0.0
        (results.fullSpeed, _) = try await tail.observe(in: written, for: plan.fullSpeed + .seconds(2)) {
            rate = try await Appends(written, writers: 8, eventsPerCall: 1).rate(for: plan.fullSpeed)
        }
        results.fullSpeedRate = rate
        check([results.fullSpeed] + results.besideRelay.with + results.besideRelay.without, "events", &results)
    }

    /// 1,000 events a second.
    private func writeLive() async throws {
        try await workplace.run(
            [
                workplace.refold, "generate", "--live", "--writers", "4", "--rate", "1000", "--rollback", "0",
                "--transaction-time", "1ms", "--for", seconds(plan.live), "--seed", "2",
            ],
            environment: json.environment
        )
    }

    /// The latency of a read model that emits, and of the same one as if it had emitted everything already.
    private func observeEmitting(_ results: inout Results) async throws {
        say("Observing a read model that emits …")
        let model = "personal_profiles"
        for turn in 1...4 {
            let emits = turn % 2 == 0
            try await logs.create(sessions)
            try await logs.migrate(sessions)
            try await workplace.run(
                [workplace.refold, "rebuild", model, "--emit-from", "start", "--quiet"],
                environment: sessions.environment
            )
            // As if everything that is to come were emitted already.
            if !emits { try await sessions.execute("UPDATE refold.emitters SET emitted_through = 1000000000") }
            // A heartbeat of each in ten seconds: 1,000 events a second, once as many end as begin.
            let writer = try workplace.start(
                [
                    workplace.refold, "generate", "--live", "--sessions", "9500", "--rate", "1", "--for",
                    seconds(plan.sessionsWarmUp + plan.live + .seconds(120)), "--seed", "2",
                ],
                environment: sessions.environment
            )
            try await Task.sleep(for: plan.sessionsWarmUp)
            let observer = TailObserver(workplace)
            let (latency, _) = try await observer.observe([model], in: sessions, for: plan.live + .seconds(5)) {
                try await Task.sleep(for: plan.live)
                guard writer.isRunning else { throw Failure(description: "no more sessions: \(writer.lastLines)") }
                kill(writer.id, SIGTERM)
                _ = await writer.end()
            }
            let emitted = try await sessions.integer(
                "SELECT count(*) FROM events WHERE event_type = 'recommendation.updated'"
            )
            if (emitted > 0) != emits { results.wrong.append("\(emitted) events were emitted") }
            if emits { results.emitting.with.append(latency) } else { results.emitting.without.append(latency) }
        }
        check(results.emitting.with + results.emitting.without, "events of sessions", &results)
    }

    private func check(_ latencies: [Latency], _ which: String, _ results: inout Results) {
        for latency in latencies where latency.unseen != 0 || latency.events == 0 {
            results.wrong.append("\(latency.unseen) of \(latency.events) \(which) were never shown")
        }
    }

    private func seconds(_ time: Duration) -> String { "\(time.components.seconds)s" }

    private func measureLarge(_ events: Int, _ reading: ReadSide, _ results: inout Results) async throws {
        try await logs.generate(events, in: large)
        // The first only warms up, as for the others.
        _ = try await reading.floor(large)
        results.add(try await reading.floor(large), to: .floorLarge)
        results.add(try await reading.rebuild(in: large), to: .rebuildLarge)
        let rebuilt = try await reading.fingerprint(large)
        results.add(try await reading.rebuild(in: large, memoryBudget: "128MiB"), to: .rebuildTight)
        if try await reading.fingerprint(large) != rebuilt {
            results.wrong.append("a budget of 128 MiB gives different rows")
        }
    }
}
