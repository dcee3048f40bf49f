internal import Glibc

/// The id of an event: a UUID, by which a retried append is recognised.
public struct EventID: Sendable, Hashable {
    /// The 16 bytes, as two numbers in network order.
    private let high: UInt64
    private let low: UInt64

    /// A new id: a UUID of version 7, so ids made one after the other lie side by side in an index.
    ///
    /// Milliseconds since 1970, then the fraction of the millisecond in 12 bits, then 62 random bits.
    /// https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
    public init() {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let milliseconds = UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
        let fraction = UInt64(time.tv_nsec) % 1_000_000 * 4_096 / 1_000_000
        high = milliseconds << 16 | 0x7000 | fraction
        low = UInt64.random(in: 0...(.max)) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    }

    /// The id of those 16 bytes, as two numbers in network order.
    package init(high: UInt64, low: UInt64) {
        (self.high, self.low) = (high, low)
    }

    /// The id of those 16 bytes; nil for another number of bytes.
    package init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 16 else { return nil }
        high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
        low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// Reads a UUID as RFC 9562 writes it, of any version, in upper or lower case: 32 hexadecimal digits in groups of
    /// 8, 4, 4, 4 and 12. Nil for anything else.
    package init?(text: UnsafeRawBufferPointer) {
        guard text.count == 36 else { return nil }
        var (high, low) = (UInt64(0), UInt64(0))
        for (index, byte) in text.enumerated() {
            if [8, 13, 18, 23].contains(index) {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Self.digit(byte) else { return nil }
            high = high << 4 | low >> 60
            low = low << 4 | digit
        }
        (self.high, self.low) = (high, low)
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// The 16 bytes in network order.
    package var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { bytes, count in
            let raw = UnsafeMutableRawBufferPointer(bytes)
            raw.storeBytes(of: high.bigEndian, as: UInt64.self)
            raw.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            count = 16
        }
    }
}

extension EventID: LosslessStringConvertible {
    /// Reads a UUID as RFC 9562 writes it: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12. Nil for anything else.
    public init?(_ text: String) {
        var text = text
        guard let id = text.withUTF8({ EventID(text: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = id
    }

    /// The UUID in lower case, such as `018f3c1e-9a00-7b1c-8000-5f2d3c4b5a69`.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 36) { text in
            var at = 0
            for (index, byte) in bytes.enumerated() {
                if [4, 6, 8, 10].contains(index) {
                    text[at] = UInt8(ascii: "-")
                    at += 1
                }
                text[at] = digits[Int(byte >> 4)]
                text[at + 1] = digits[Int(byte & 15)]
                at += 2
            }
            return at
        }
    }
}
