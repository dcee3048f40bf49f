/// Events that are read while they are iterated over, page by page.
///
/// Whatever the number of events, at most one page is in memory: ``EventPage/size`` events or ``EventPage/bytes``
/// bytes, or one event that is larger. Between two pages no transaction is open. Each iterator reads anew, and uses the
/// connection only while its next page is fetched.
public struct RecordedEvents: AsyncSequence, Sendable {
    /// What is delivered.
    public typealias Element = RecordedEvent
    /// What a read fails with. A cancelled task gets it too: a read that ends without an error is complete.
    public typealias Failure = EventStoreError

    private let makeSource: @Sendable () -> any EventPageSource

    init(_ makeSource: @escaping @Sendable () -> any EventPageSource) {
        self.makeSource = makeSource
    }

    /// Begins to read.
    public func makeAsyncIterator() -> Iterator { Iterator(makeSource()) }

    /// Reads all events into memory.
    public func collect() async throws(EventStoreError) -> [RecordedEvent] {
        var events: [RecordedEvent] = []
        var iterator = makeAsyncIterator()
        while let event = try await iterator.next() { events.append(event) }
        return events
    }

    /// Reads the events of one sequence.
    public struct Iterator: AsyncIteratorProtocol {
        private var source: any EventPageSource
        private var page: [RecordedEvent] = []
        private var next = 0

        init(_ source: any EventPageSource) {
            self.source = source
        }

        /// The next event, nil after the last one.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(EventStoreError) -> RecordedEvent? {
            while next == page.count {
                page = []
                next = 0
                guard let read = try await source.nextPage() else { return nil }
                page = read
            }
            defer { next += 1 }
            return page[next]
        }
    }
}

/// Where the pages of a read come from.
protocol EventPageSource: Sendable {
    /// The next events, perhaps none; nil when there are no more.
    mutating func nextPage() async throws(EventStoreError) -> [RecordedEvent]?
}
