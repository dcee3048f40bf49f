/// Lets in so many at a time; the others wait in line.
///
/// The testing library starts all tests at once, which are more than a server has connections for.
actor Gate {
    /// Tests that use the shared PostgreSQL server.
    static let databases = Gate(places: 8)

    private var free: Int
    private var line: [CheckedContinuation<Void, Never>] = []

    init(places: Int) {
        free = places
    }

    func enter() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { line.append($0) }
    }

    func leave() {
        guard line.isEmpty else { return line.removeFirst().resume() }
        free += 1
    }
}
