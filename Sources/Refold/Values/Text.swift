internal import CSimdjson

#if canImport(Glibc)
    internal import Glibc
#endif

/// An immutable piece of UTF-8, compared byte by byte.
///
/// A text read from a payload borrows the bytes of the batch that the event came in, without a copy: within
/// ``Projection/apply(_:to:)`` it is good until the event has been applied, elsewhere it keeps the whole batch in
/// memory. Use `owned()` to keep it longer. Unlike `String`, two texts are equal only when their bytes are, and they
/// sort by code point, as PostgreSQL's `"C"` collation does.
public struct Text: @unchecked Sendable {
    // `@unchecked Sendable`: the bytes are never written after `storage` was made, and `storage` keeps them alive;
    // without one they are a literal's, which live as long as the program, or borrowed from a batch that someone else
    // holds.
    @usableFromInline let storage: Bytes?
    @usableFromInline let start: UnsafePointer<UInt8>

    /// The number of UTF-8 bytes.
    public let count: Int

    /// Borrows bytes that are valid UTF-8 from the storage that holds them, or from a literal.
    init(borrowing start: UnsafePointer<UInt8>, count: Int, from storage: Bytes?) {
        self.storage = storage
        self.start = start
        self.count = count
    }

    /// Copies bytes that are valid UTF-8.
    package init(copying bytes: UnsafeRawBufferPointer) {
        let storage = Bytes(count: bytes.count)
        if let source = bytes.baseAddress {
            storage.address.copyMemory(from: source, byteCount: bytes.count)
        }
        self.init(
            borrowing: UnsafePointer(storage.address.assumingMemoryBound(to: UInt8.self)),
            count: bytes.count,
            from: storage
        )
    }

    /// A copy of the string's UTF-8. PostgreSQL cannot store a text with a NUL.
    public init(_ string: String) {
        var string = string
        self = string.withUTF8 { Text(copying: UnsafeRawBufferPointer($0)) }
    }

    /// The text without bytes.
    public static let empty: Text = ""

    /// Whether it has no bytes.
    @inlinable
    public var isEmpty: Bool {
        count == 0
    }

    /// The same text with bytes of its own, which keeps no batch in memory.
    public func owned() -> Text {
        withBytes { Text(copying: $0) }
    }

    /// Gives the bytes to a closure, which the pointer must not leave.
    @inlinable
    package func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let result = try body(UnsafeRawBufferPointer(start: start, count: count))
        extendLifetime(storage)
        return result
    }

    /// A hash of the bytes that is cheap and well mixed; different in every process, so that nobody can choose texts
    /// that collide.
    package var byteHash: UInt64 {
        withBytes { bytes in
            refold_hash(start, bytes.count)
        }
    }
}

extension Text: Hashable, Comparable {
    /// Whether the bytes are the same.
    public static func == (lhs: Text, rhs: Text) -> Bool {
        guard lhs.count == rhs.count else {
            return false
        }
        let same = lhs.start == rhs.start || memcmp(lhs.start, rhs.start, lhs.count) == 0
        extendLifetime(lhs.storage)
        extendLifetime(rhs.storage)
        return same
    }

    /// Whether it comes first by UTF-8 bytes, which is the order of code points.
    public static func < (lhs: Text, rhs: Text) -> Bool {
        let order = memcmp(lhs.start, rhs.start, min(lhs.count, rhs.count))
        extendLifetime(lhs.storage)
        extendLifetime(rhs.storage)
        return order < 0 || (order == 0 && lhs.count < rhs.count)
    }

    /// Feeds a hash of the bytes.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(byteHash)
    }
}

extension Text: ExpressibleByStringLiteral {
    /// A text written in code, which needs no memory of its own.
    public init(stringLiteral value: StaticString) {
        guard value.hasPointerRepresentation else {
            self.init(String(value.unicodeScalar))
            return
        }
        self.init(borrowing: value.utf8Start, count: value.utf8CodeUnitCount, from: nil)
    }
}

extension Text: CustomStringConvertible {
    /// The text as a string.
    public var description: String {
        String(self)
    }
}

extension String {
    /// The text as a string.
    public init(_ text: Text) {
        self = text.withBytes { String(decoding: $0, as: UTF8.self) }
    }
}
