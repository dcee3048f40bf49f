internal import Engine
internal import Refold
internal import Synchronization

/// Shows a rebuild's progress on stderr: a bar on a terminal, a plain line every few seconds otherwise.
final class RebuildProgressView: Sendable {
    private static let interval: Duration = .seconds(5)

    private let isShown: Bool
    private let isBar = Console.errorIsTerminal
    private let started = ContinuousClock.now
    private let state: Mutex<(meter: RebuildMeter, nextLine: ContinuousClock.Instant)>

    init(isShown: Bool, projections: Int) {
        self.isShown = isShown
        state = Mutex((RebuildMeter(projections: projections), .now + Self.interval))
    }

    /// Takes in a sample and shows it.
    @Sendable func update(_ progress: [RebuildProgress]) {
        guard isShown else { return }
        state.withLock { state in
            let now = ContinuousClock.now
            let samples = progress.map {
                RebuildMeter.Sample(
                    start: $0.start.rawValue,
                    position: $0.position.rawValue,
                    target: $0.target.rawValue
                )
            }
            state.meter.update(samples, at: now - started)
            if isBar {
                Console.show(bar: state.meter.bar(width: Console.width))
            } else if now >= state.nextLine {
                state.nextLine = now + Self.interval
                Console.error(state.meter.line)
            }
        }
    }

    /// Removes the bar.
    func finish() {
        Console.show(bar: "")
    }
}
