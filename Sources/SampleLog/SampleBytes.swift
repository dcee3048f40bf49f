/// Text appended to bytes: a million events leave no time for `String` in between.
extension [UInt8] {
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(id: SampleID) {
        for nibble in 0..<32 {
            if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 { append(0x2D) }
            let word = nibble < 16 ? id.high : id.low
            let value = UInt8((word >> UInt64(60 - (nibble & 15) * 4)) & 15)
            append(value < 10 ? 0x30 + value : 0x57 + value)
        }
    }
}
