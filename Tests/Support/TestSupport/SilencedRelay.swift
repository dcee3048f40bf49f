internal import Dispatch
internal import Glibc
internal import Postgres
internal import Synchronization

/// A TCP port of this machine that leads to a PostgreSQL server's socket, for a number of connections; those that come
/// after it are accepted and hear nothing any more, as on a network that swallows everything.
public final class SilencedRelay: Sendable {
    private let listener: Int32
    private let port: Int
    private let target: String
    private let url: ConnectionString
    private let state: Mutex<State>

    private struct State {
        var answered: Int
        var descriptors: [Int32] = []
        /// What is waited for, one after the other, in what a client sends.
        var cut: [String]
        var isCutDue = false
    }

    /// A libpq connection string that leads through the relay.
    public var relayedURL: String { "\(url.keywordValueText) host=127.0.0.1 port=\(port) sslmode=disable" }

    /// Whether a client was cut off.
    public var hasCut: Bool { state.withLock { $0.isCutDue } }

    /// How many connections were accepted and not answered.
    public var unansweredCount: Int { state.withLock { max(0, -$0.answered) } }

    /// - Parameters:
    ///   - url: the server, reached through its socket.
    ///   - answered: how many connections are relayed.
    ///   - cut: texts; the client that has sent them, one after the other, gets no answer to the last one any more, which
    ///     the server has carried out: its connection is closed. Once.
    public init(to url: String, answering answered: Int = .max, cuttingAfter cut: [String] = []) throws {
        self.url = try ConnectionString(url)
        target = "\(self.url.parameters["host"] ?? "")/.s.PGSQL.\(self.url.parameters["port"] ?? "5432")"
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) + listen(listener, 20) + getsockname(listener, address, &length)
            }
        }
        guard code == 0 else { throw PrivatePostgres.Failure(command: "listen", status: errno) }
        port = Int(UInt16(bigEndian: address.sin_port))
        state = Mutex(State(answered: answered, cut: cut))
        DispatchQueue(label: "relay").async { self.accept() }
    }

    /// Ends all connections and the relay.
    public func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        for descriptor in state.withLock({ $0.descriptors }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    private func accept() {
        while case let client = Glibc.accept(listener, nil, nil), client >= 0 {
            let isAnswered = state.withLock { state in
                state.descriptors.append(client)
                state.answered -= 1
                return state.answered >= 0
            }
            guard isAnswered, let server = connectToServer() else { continue }
            state.withLock { $0.descriptors.append(server) }
            let flags = Flags(awaiting: state.withLock { $0.cut })
            DispatchQueue(label: "relay").async { self.copy(client, server) { self.note($0, flags) } }
            DispatchQueue(label: "relay").async { self.copy(server, client) { _ in !flags.isCut.withLock { $0 } } }
        }
    }

    private func connectToServer() -> Int32? {
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: target.utf8.prefix($0.count - 1)) }
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return code == 0 ? server : nil
    }

    /// Passes on what comes, unless the body says no.
    private func copy(_ from: Int32, _ to: Int32, _ body: (UnsafeRawBufferPointer) -> Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(from, &buffer, buffer.count), count > 0 {
            guard buffer.withUnsafeBytes({ body(UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }) else { break }
            guard send(to, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        shutdown(to, Int32(SHUT_RDWR))
    }

    /// What is known of one connection.
    private final class Flags: Sendable {
        let isCut = Mutex(false)
        let awaited: Mutex<[String]>

        init(awaiting awaited: [String]) { self.awaited = Mutex(awaited) }
    }

    /// Looks for what the cut waits for; everything is passed on.
    private func note(_ bytes: UnsafeRawBufferPointer, _ flags: Flags) -> Bool {
        let isDue = flags.awaited.withLock { awaited in
            guard !awaited.isEmpty else { return false }
            let text = String(decoding: bytes, as: UTF8.self)
            while let next = awaited.first, text.contains(next) { awaited.removeFirst() }
            return awaited.isEmpty
        }
        guard isDue else { return true }
        let isFirst = state.withLock { state in
            defer { state.isCutDue = true }
            return !state.isCutDue
        }
        if isFirst { flags.isCut.withLock { $0 = true } }
        return true
    }
}
