internal import Glibc

/// A mock cluster of one test's own: librdkafka's, in a process of its own, whose brokers can be made to fail.
///
/// It has no transactions, keeps no sequence numbers of producers, and at most 5 MB or 100,000 batches of a partition: the
/// oldest are dropped then.
public struct PrivateKafka: Sendable {
    /// The brokers, as `bootstrap.servers` takes them.
    public let servers: String

    private let process: ChildProcess
    private let commands: String

    /// Starts a cluster, lends it, and ends it.
    public static func with<Result: Sendable>(
        brokers: Int = 1,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (PrivateKafka) async throws -> Result
    ) async throws -> Result {
        let commands = "/tmp/refold-kafka-\(UInt32.random(in: 0 ... .max))"
        close(open(commands, O_WRONLY | O_CREAT, 0o600))
        defer { unlink(commands) }
        return try await ChildProcess.with([RefoldProcess.beside("MockCluster"), "\(brokers)", commands]) { process in
            try await wait(for: "the mock cluster") { process.output.contains("\n") }
            let servers = process.output.prefix { !$0.isNewline }
            return try await body(PrivateKafka(servers: String(servers), process: process, commands: commands))
        }
    }

    /// Gives the cluster a command and waits until it is obeyed; see `MockCluster` for what there is.
    public func command(_ words: String) async throws {
        // One command at a time: the answers are counted.
        let before = process.output.split(whereSeparator: \.isNewline).count
        let file = open(commands, O_WRONLY | O_APPEND)
        defer { close(file) }
        let bytes = Array((words + "\n").utf8)
        guard bytes.withUnsafeBytes({ write(file, $0.baseAddress, $0.count) }) == bytes.count else {
            throw ChildProcess.Failure(description: "\(words) cannot be written: errno \(errno)")
        }
        try await wait(for: "the mock cluster to obey \(words)") {
            process.output.split(whereSeparator: \.isNewline).count > before
        }
        let answer = process.output.split(whereSeparator: \.isNewline)[before]
        guard answer == "ok" else { throw ChildProcess.Failure(description: "\(words): \(answer)") }
    }

    /// Creates a topic.
    public func createTopic(_ name: String, partitions: Int) async throws {
        try await command("topic \(name) \(partitions)")
    }

    /// Disconnects every broker and lets nobody connect.
    public func goDown() async throws { try await command("down -1") }

    /// Lets clients connect again.
    public func comeUp() async throws { try await command("up -1") }
}
