/// How a list of integers is stored in a blob: 64 bits each, one after the other.
package enum IntegerListBytes {
    /// The bytes of one integer.
    private static let stride = MemoryLayout<Int64>.size

    /// The integers of a list.
    package static func integers(in bytes: UnsafeRawBufferPointer) -> [Int64] {
        Swift.stride(from: 0, to: bytes.count, by: stride).map {
            bytes.loadUnaligned(fromByteOffset: $0, as: Int64.self)
        }
    }
}
