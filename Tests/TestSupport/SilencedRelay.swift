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
    }

    /// A libpq connection string that leads through the relay.
    public var relayedURL: String { "\(url.keywordValueText) host=127.0.0.1 port=\(port) sslmode=disable" }

    /// How many connections were accepted and not answered.
    public var unansweredCount: Int { state.withLock { max(0, -$0.answered) } }

    /// - Parameters:
    ///   - url: the server, reached through its socket.
    ///   - answered: how many connections are relayed.
    public init(to url: String, answering answered: Int) throws {
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
        state = Mutex(State(answered: answered))
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
            for (from, to) in [(client, server), (server, client)] {
                DispatchQueue(label: "relay").async { Self.copy(from, to) }
            }
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

    private static func copy(_ from: Int32, _ to: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(from, &buffer, buffer.count), count > 0 {
            guard send(to, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        shutdown(to, Int32(SHUT_RDWR))
    }
}
