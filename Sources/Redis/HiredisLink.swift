internal import CHiredis
internal import Glibc

/// Owner of one hiredis context: the only place that touches the C library and its pointers.
///
/// hiredis connects, reads and parses. Writing is done here: `redisBufferWrite` raises SIGPIPE when the server is gone,
/// moves the whole rest of its buffer after each partial write, and in blocking mode does not read while it writes.
/// So the socket does not block; `exchange` sends and reads as `poll` allows, and a pipeline of any length makes
/// progress however small the socket buffers are.
///
/// Not Sendable: it belongs to the actor that made it and is released with it.
final class HiredisLink {
    /// Why the link failed. It is of no further use after any of these.
    enum Failure: Error {
        /// The server or the network closed it.
        case lost(String)
        /// Not a byte went either way for the whole time allowed.
        case timedOut
        /// What arrived is not a reply that was asked for.
        case outOfStep(String)
    }

    /// Enough for one system call to be cheap per command, and little enough that replies are read meanwhile.
    private static let fillSize = 64 * 1024
    /// What the buffer for sending may keep between calls; one that held a huge value is freed.
    private static let keptSize = 1024 * 1024

    private let context: UnsafeMutablePointer<redisContext>
    private var outgoing: [UInt8] = []
    private var sent = 0

    private init(_ context: UnsafeMutablePointer<redisContext>) {
        self.context = context
    }

    deinit {
        redisFree(context)
    }

    /// Connects. Blocks for `timeout` at most, apart from looking up a host name.
    static func connect(to endpoint: RedisURL.Endpoint, timeout: Duration) throws(Failure) -> HiredisLink {
        let (seconds, attoseconds) = timeout.components
        let limit = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        let context =
            switch endpoint {
            case .tcp(let host, let port): redisConnectWithTimeout(host, Int32(port), limit)
            case .unix(let path): redisConnectUnixWithTimeout(path, limit)
            }
        guard let context else { throw .lost("out of memory") }
        let link = HiredisLink(context)
        guard context.pointee.err == 0 else { throw link.failure() }
        if case .tcp = endpoint, redisEnableKeepAlive(context) != REDIS_OK { throw link.failure() }
        // A child process that inherited the socket would keep the connection open after us.
        guard fcntl(context.pointee.fd, F_SETFD, FD_CLOEXEC) != -1,
            fcntl(context.pointee.fd, F_SETFL, O_NONBLOCK) != -1
        else { throw .lost(Self.text(of: errno)) }
        context.pointee.flags &= ~REDIS_BLOCK
        return link
    }

    /// Sends commands in order and collects one reply for each, in order.
    ///
    /// - Parameter timeout: the longest wait without a byte in either direction.
    func exchange(_ commands: [RedisCommand], timeout: Duration) throws(Failure) -> [RedisReply] {
        var replies: [RedisReply] = []
        guard !commands.isEmpty else { return replies }
        replies.reserveCapacity(commands.count)
        try refuseUnaskedReplies()
        defer { forgetOutgoing() }
        var queued = 0
        var isReadable = false
        while replies.count < commands.count {
            if isReadable {
                // Before sending more: replies that are left unread pile up in the server's memory.
                try receive(into: &replies, upTo: commands.count)
            } else {
                if sent == outgoing.count {
                    queued = fill(from: commands, at: queued)
                }
                if sent < outgoing.count, !send() {
                    // The server hung up. What it said before that is still to be read and may tell why.
                    forgetOutgoing()
                    queued = commands.count
                }
            }
            guard replies.count < commands.count else { break }
            isReadable = try wait(toSend: sent < outgoing.count || queued < commands.count, timeout: timeout)
        }
        return replies
    }
}

// Sending.
extension HiredisLink {
    /// Encodes commands until the buffer is full, and returns the index of the first one left.
    private func fill(from commands: [RedisCommand], at start: Int) -> Int {
        outgoing.removeAll(keepingCapacity: true)
        sent = 0
        var next = start
        while next < commands.count, outgoing.count < Self.fillSize {
            commands[next].encode(into: &outgoing)
            next += 1
        }
        return next
    }

    /// Sends what the socket takes; false when the peer is gone.
    private func send() -> Bool {
        let count = outgoing.withUnsafeBytes { bytes in
            // MSG_NOSIGNAL: a closed peer is an error to report, not a signal that ends the process.
            Glibc.send(context.pointee.fd, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
        }
        if count >= 0 {
            sent += count
            return true
        }
        return errno == EAGAIN || errno == EINTR
    }

    private func forgetOutgoing() {
        sent = 0
        outgoing.removeAll(keepingCapacity: outgoing.capacity <= Self.keptSize)
    }
}

// Waiting and receiving.
extension HiredisLink {
    /// Waits until the socket can be used; true when there is something to read (an end of file included).
    private func wait(toSend: Bool, timeout: Duration) throws(Failure) -> Bool {
        let deadline = ContinuousClock.now + timeout
        var remaining = timeout
        while true {
            var socket = pollfd(fd: context.pointee.fd, events: Int16(POLLIN), revents: 0)
            if toSend { socket.events |= Int16(POLLOUT) }
            let count = poll(&socket, 1, Self.milliseconds(remaining))
            if count > 0 { return socket.revents & ~Int16(POLLOUT) != 0 }
            if count == 0 { throw .timedOut }
            guard errno == EINTR else { throw .lost(Self.text(of: errno)) }
            remaining = max(deadline - .now, .zero)
        }
    }

    private func receive(into replies: inout [RedisReply], upTo expected: Int) throws(Failure) {
        guard redisBufferRead(context) == REDIS_OK else { throw failure(after: replies.last) }
        while let reply = try nextReply() {
            guard replies.count < expected else { throw .outOfStep("the server answered more often than it was asked") }
            replies.append(reply)
        }
    }

    /// The next whole reply that has been read, if there is one.
    private func nextReply() throws(Failure) -> RedisReply? {
        var raw: UnsafeMutableRawPointer?
        guard redisGetReplyFromReader(context, &raw) == REDIS_OK else { throw failure() }
        guard let raw else { return nil }
        defer { freeReplyObject(raw) }
        return Self.copy(of: raw.assumingMemoryBound(to: redisReply.self).pointee)
    }

    /// Anything that arrived before the first command is sent would be taken for its reply. It is also the moment to
    /// find that the server has hung up: nothing has been sent yet.
    private func refuseUnaskedReplies() throws(Failure) {
        guard redisBufferRead(context) == REDIS_OK else { throw failure() }
        let unasked = try nextReply()
        if let error = unasked?.error { throw .lost("the server hung up, saying: \(error)") }
        guard unasked == nil, context.pointee.reader.pointee.len == context.pointee.reader.pointee.pos else {
            throw .outOfStep("the server sent something that nobody asked for")
        }
    }

    private static func copy(of reply: redisReply) -> RedisReply {
        switch reply.type {
        case REDIS_REPLY_STRING: .string(Array(bytes(of: reply)))
        case REDIS_REPLY_STATUS: .status(String(decoding: bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_INTEGER: .integer(reply.integer)
        case REDIS_REPLY_ARRAY: .array((0..<reply.elements).map { copy(of: reply.element[$0]!.pointee) })
        case REDIS_REPLY_ERROR: .error(RedisReplyError(line: String(decoding: bytes(of: reply), as: UTF8.self)))
        default: .null
        }
    }

    private static func bytes(of reply: redisReply) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: reply.str, count: reply.len)
    }
}

// Errors and units of the C side.
extension HiredisLink {
    /// The library's error, read at once because the next call overwrites it.
    private func failure(after last: RedisReply? = nil) -> Failure {
        let text = withUnsafeBytes(of: context.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        switch context.pointee.err {
        case REDIS_ERR_IO, REDIS_ERR_EOF, REDIS_ERR_OTHER:
            // The server's last reply often tells why it hung up: `ERR Protocol error: invalid bulk length`.
            let lastWords = last?.error.map { ", after saying: \($0)" } ?? ""
            return .lost(text + lastWords)
        default:
            return .outOfStep(text)
        }
    }

    private static func text(of number: Int32) -> String {
        String(cString: strerror(number))
    }

    private static func milliseconds(_ duration: Duration) -> Int32 {
        let (seconds, attoseconds) = duration.components
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
