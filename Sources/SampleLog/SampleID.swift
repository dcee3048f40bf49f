internal import EventStore

/// A version 4 UUID derived from a seed, so that the same log has the same ids.
struct SampleID {
    /// What an id names. Two domains never share an id for the same index.
    enum Domain: UInt64 {
        case user = 0x7573_6572
        case content = 0x636F_6E74
        case event = 0x6576_6E74
        case correlation = 0x636F_7272
        case session = 0x7365_7373
    }

    let high: UInt64
    let low: UInt64

    init(_ domain: Domain, _ index: UInt64, seed: UInt64) {
        let start = SplitMix64.mix(seed &+ domain.rawValue &* 0x9E37_79B9_7F4A_7C15)
        let first = SplitMix64.mix(start &+ index)
        self.init(bits: first, SplitMix64.mix(first ^ start.byteSwapped))
    }

    /// An id made of 128 random bits, of which six become the version and the variant.
    init(bits high: UInt64, _ low: UInt64) {
        self.high = (high & ~0xF000) | 0x4000
        self.low = (low & ~(0b11 << 62)) | (0b10 << 62)
    }
}

extension EventID {
    init(_ id: SampleID) {
        self.init(high: id.high, low: id.low)
    }
}
