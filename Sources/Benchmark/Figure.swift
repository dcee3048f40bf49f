/// A figure that must keep a bound, and should keep a tighter one.
struct Figure {
    /// What a value is held against.
    enum Bound: CustomStringConvertible {
        case atMost(Double)
        case atLeast(Double)

        func holds(_ value: Double) -> Bool {
            switch self {
            case .atMost(let bound): value <= bound
            case .atLeast(let bound): value >= bound
            }
        }

        var description: String {
            switch self {
            case .atMost(let bound): "<= \(Self.text(bound))"
            case .atLeast(let bound): ">= \(Self.text(bound))"
            }
        }

        private static func text(_ bound: Double) -> String { bound < 3 ? "\(bound)" : "\(Int(bound))" }
    }

    let label: String
    let value: Double
    let must: Bound
    let aim: Bound

    var verdict: String { aim.holds(value) ? "aim reached" : must.holds(value) ? "must held" : "MISSED" }

    init(_ label: String, _ value: Double, must: Bound, aim: Bound) {
        self.label = label
        self.value = value
        self.must = must
        self.aim = aim
    }

    /// The table of figures.
    static func all(_ plan: Plan, _ results: Results) -> [Figure] {
        reading(plan, results) + tailing(results) + writing(results) + relaying(plan, results)
    }

    private static func relaying(_ plan: Plan, _ results: Results) -> [Figure] {
        let rate = Double(plan.events) / results.seconds(.relayed)
        return [
            Figure("relay to Kafka, events/s", rate, must: .atLeast(60_000), aim: .atLeast(150_000)),
            Figure(
                "relay / the same producer from memory",
                rate / results.rate(.sentFromMemory),
                must: .atLeast(0.6),
                aim: .atLeast(0.8)
            ),
            Figure(
                "tail latency p99 beside a relay / by itself",
                results.besideRelay.ratio { $0.shown.percentile99 },
                must: .atMost(1.2),
                aim: .atMost(1.0)
            ),
            Figure(
                "tail latency p50, emitting / not emitting",
                results.emitting.ratio { $0.shown.middle },
                must: .atMost(1.2),
                aim: .atMost(1.05)
            ),
        ]
    }

    private static func reading(_ plan: Plan, _ results: Results) -> [Figure] {
        let rebuild = results.seconds(.rebuildJSON)
        var figures = [
            Figure(
                "rebuild / floor, json",
                rebuild / results.seconds(.floorJSON),
                must: .atMost(2.2),
                aim: .atMost(1.3)
            ),
            Figure(
                "rebuild / floor, jsonb",
                results.seconds(.rebuildJSONB) / results.seconds(.floorJSONB),
                must: .atMost(1.5),
                aim: .atMost(1.1)
            ),
            Figure(
                "rebuild, json / set-based SQL",
                rebuild / results.seconds(.setBased),
                must: .atMost(0.6),
                aim: .atMost(0.4)
            ),
        ]
        figures.append(
            Figure(
                "processor time, all models / those without sessions",
                results.processor(.rebuildAll) / results.processor(.rebuildWithoutSessions),
                must: .atMost(1.05),
                aim: .atMost(1.0)
            )
        )
        if let large = plan.large {
            figures += [
                Figure(
                    "time per event, \(grouped(large)) / \(grouped(plan.events)) events",
                    (results.seconds(.rebuildLarge) / Double(large)) / (rebuild / Double(plan.events)),
                    must: .atMost(1.15),
                    aim: .atMost(1.0)
                ),
                Figure(
                    "peak memory at \(grouped(large)) events, 128 MiB budget, MiB",
                    Double(results.peak(.rebuildTight)),
                    must: .atMost(320),
                    aim: .atMost(200)
                ),
            ]
        }
        return figures
    }

    private static func tailing(_ results: Results) -> [Figure] {
        [
            Figure(
                "tail catch-up rate / rebuild rate",
                results.seconds(.rebuildJSON) / results.seconds(.tail),
                must: .atLeast(0.5),
                aim: .atLeast(0.9)
            ),
            Figure("tail latency p50, ms", results.live.shown.middle, must: .atMost(10), aim: .atMost(3)),
            Figure("tail latency p99, ms", results.live.shown.percentile99, must: .atMost(50), aim: .atMost(15)),
        ]
    }

    private static func writing(_ results: Results) -> [Figure] {
        let loading = results.rate(.loading(.none)) / results.rate(.loading(.oldest))
        let ofHundred = results.rate(.appendsOfHundred) / results.rate(.appends(writers: 1))
        var figures = [
            Figure("loading without / with a snapshot 99 events old", loading, must: .atLeast(50), aim: .atLeast(100))
        ]
        figures += WriteSide.writers.map { writers in
            Figure(
                "appends, \(writers) at once / pgbench's transactions",
                results.rate(.appends(writers: writers)) / results.rate(.transactions(writers: writers)),
                must: .atLeast(0.8),
                aim: .atLeast(1.0)
            )
        }
        return figures + [
            Figure("events/s of 100 a call / of one a call", ofHundred, must: .atLeast(10), aim: .atLeast(15)),
            Figure(
                "import rate / \\copy rate",
                results.seconds(.copy) / results.seconds(.imported),
                must: .atLeast(0.7),
                aim: .atLeast(0.9)
            ),
            Figure(
                "tail latency p99, 8 writers at full speed, ms",
                results.fullSpeed.shown.percentile99,
                must: .atMost(1_000),
                aim: .atMost(100)
            ),
            Figure(
                "tail latency max, 8 writers at full speed, ms",
                results.fullSpeed.shown.longest,
                must: .atMost(1_000),
                aim: .atMost(200)
            ),
        ]
    }
}
