internal import CSimdjson

/// The hash by which a key of one part is found; different in every process.
@inline(__always)
func keyHash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    refold_hash(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
}

/// The hash by which a key of a text and an integer is found.
///
/// Four consecutive integers, from a multiple of 4 on, differ in the last two bits alone: their index slots share a
/// line of memory, and the first four can be fetched when only the text is known.
///
/// - Parameter text: the text's own hash.
@inline(__always)
func keyHash(text: UInt64, _ number: Int64) -> UInt64 {
    refold_hash_with(text, UInt64(bitPattern: number >> 2)) & ~3 | UInt64(number & 3)
}
