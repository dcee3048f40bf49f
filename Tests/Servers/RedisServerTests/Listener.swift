import Glibc

/// A TCP socket on a free port of this machine that listens and never accepts.
final class Listener {
    struct Failure: Error {
        let number: Int32
    }

    let port: Int
    private let socket: Int32

    init(backlog: Int32) throws {
        socket = try Self.makeSocket()
        var address = Self.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = socket
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, length) + listen(socket, backlog) + getsockname(socket, address, &length)
            }
        }
        guard code == 0 else { throw Failure(number: errno) }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit {
        close(socket)
    }

    /// A socket that has begun to connect to this one; it is closed when the value goes.
    func beginConnecting() throws -> Connecting {
        let socket = try Self.makeSocket()
        guard fcntl(socket, F_SETFL, O_NONBLOCK) == 0 else { throw Failure(number: errno) }
        var address = Self.address(port: port)
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return Connecting(socket: socket)
    }

    final class Connecting {
        private let socket: Int32

        init(socket: Int32) {
            self.socket = socket
        }

        deinit {
            close(socket)
        }
    }

    private static func makeSocket() throws -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw Failure(number: errno) }
        return socket
    }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
