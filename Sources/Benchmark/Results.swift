/// What was measured of the read side and of imports, run after run.
enum Way: Hashable {
    case floorJSON, floorJSONB, setBased, rebuildJSON, rebuildJSONB, tail
    case copy, imported
    case relayed
    /// All models, and those that know nothing of viewing sessions, from a log without any.
    case rebuildAll, rebuildWithoutSessions
    case floorLarge, rebuildLarge, rebuildTight
}

/// What was measured of the write side, run after run: events a second, or milliseconds.
enum Rate: Hashable {
    case appends(writers: Int)
    /// By pgbench, in a transaction of several statements as an application writes them.
    case transactions(writers: Int)
    /// By pgbench, in one statement.
    case statements(writers: Int)
    case appendsOfHundred
    case loading(SnapshotAge)
    /// Records to Kafka by the relay's producer, from memory.
    case sentFromMemory
}

/// How an account is loaded: from its events alone, or by a snapshot that so many events followed.
enum SnapshotAge: Int, CaseIterable {
    case none = -1
    case newest = 0
    case average = 50
    case oldest = 99
}

/// The tail's latency with something and without it, in turns.
struct Comparison {
    var with: [Latency] = []
    var without: [Latency] = []

    /// How much longer one takes; of the turns the best counts, since a disturbance only adds.
    func ratio(of time: (Latency) -> Double) -> Double {
        (with.map(time).min() ?? .nan) / (without.map(time).min() ?? .nan)
    }
}

/// Everything that was measured, and what was found wrong.
struct Results {
    private var usages: [Way: [Usage]] = [:]
    private var rates: [Rate: [Double]] = [:]
    var live = Latency()
    /// The tail's latency by itself and beside what it is measured with, turn by turn.
    var besideRelay = Comparison()
    var emitting = Comparison()
    var fullSpeed = Latency()
    /// Events a second that were appended beside the tail at full speed.
    var fullSpeedRate = 0.0
    /// The daemon's peak while 1,000 events a second came.
    var daemonMebibytes = 0
    /// How many events were imported.
    var imported = 0
    var wrong: [String] = []

    mutating func add(_ usage: Usage, to way: Way) { usages[way, default: []].append(usage) }

    mutating func add(_ value: Double, to rate: Rate) { rates[rate, default: []].append(value) }

    func seconds(_ way: Way) -> Double { median(usages[way, default: []].map(\.seconds)) }

    func processor(_ way: Way) -> Double { median(usages[way, default: []].map(\.processor)) }

    func peak(_ way: Way) -> Int { usages[way, default: []].map(\.mebibytes).max() ?? 0 }

    func rate(_ rate: Rate) -> Double { median(rates[rate, default: []]) }

    /// The median; of an even number, the lower middle one.
    private func median(_ values: [Double]) -> Double {
        values.isEmpty ? .nan : values.sorted()[(values.count - 1) / 2]
    }
}
