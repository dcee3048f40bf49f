internal import Refold

/// How large the parts of an event may be. Beyond these limits PostgreSQL refuses an event, some of them by ending the
/// connection, so they are checked before anything is sent.
package enum EventLimits {
    /// Bytes of a stream's id, and of an event's type. An id is part of index rows, beside the version or the log's
    /// name; PostgreSQL's limit for those is 2,704 bytes (a third of a page,
    /// https://www.postgresql.org/docs/current/btree.html).
    package static let name = 2_048
    /// Bytes of the payloads and metadata of one append. PostgreSQL takes values and messages of less than 1 GiB; the
    /// rest is left for everything else in the message.
    package static let append = 1 << 30 - 1 << 16

    /// Why nothing can have that name; nil when it can.
    ///
    /// - Parameter what: what is named, such as `a stream's id`.
    package static func refusal(of name: String, _ what: String) -> String? {
        if name.isEmpty { return "\(what) is not empty" }
        if name.utf8.count > Self.name {
            return "\(what) has at most \(Self.name) bytes, not \(name.utf8.count): \(name.abbreviated())"
        }
        if name.utf8.contains(0) {
            return "\(what) has no NUL character, which PostgreSQL cannot store: \(name.abbreviated())"
        }
        return nil
    }

    /// Why the payloads and metadata of one append are too large; nil when they are not.
    ///
    /// - Parameter limit: bytes; another than PostgreSQL's for tests.
    package static func refusal(of texts: [String], limit: Int = append) -> String? {
        if let size = texts.lazy.map(\.utf8.count).max(), size > limit {
            return "a payload or its metadata have \(size) bytes, more than the \(limit) that PostgreSQL can store"
        }
        var size = texts.reduce(0) { $0 + $1.utf8.count }
        // Texts of several events are sent in quotes, with a backslash before each quote and backslash in them.
        if texts.count > 2, size > limit / 2 {
            size += texts.reduce(0) { $0 + 3 + $1.utf8.count { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") } }
        }
        return size > limit
            ? "the events of one append have \(size) bytes, more than the \(limit) that PostgreSQL takes at once" : nil
    }
}
