/// Which partition a key belongs to, as Kafka's own producers decide it: murmur2 of the key, without the sign bit, modulo
/// the number of partitions. So records of other producers with the same key lie in the same partition.
/// https://github.com/apache/kafka/blob/3.4/clients/src/main/java/org/apache/kafka/clients/producer/internals/BuiltInPartitioner.java
public enum KafkaPartitioner {
    /// The partition of a key.
    ///
    /// - Parameter count: how many partitions the topic has; at least one.
    @inlinable
    public static func partition(of key: some Collection<UInt8>, count: Int) -> Int32 {
        precondition(count > 0, "a topic has at least one partition")
        return Int32(truncatingIfNeeded: Int(murmur2(key) & 0x7FFF_FFFF) % count)
    }

    /// MurmurHash2 with Kafka's seed, for bytes of any length.
    /// https://github.com/apache/kafka/blob/3.4/clients/src/main/java/org/apache/kafka/common/utils/Utils.java (murmur2)
    @inlinable
    public static func murmur2(_ bytes: some Collection<UInt8>) -> UInt32 {
        let multiplier: UInt32 = 0x5BD1_E995
        var hash: UInt32 = 0x9747_B28C ^ UInt32(truncatingIfNeeded: bytes.count)
        var (word, shift) = (UInt32(0), UInt32(0))
        for byte in bytes {
            word |= UInt32(byte) << shift
            shift += 8
            guard shift == 32 else { continue }
            word = word &* multiplier
            word ^= word >> 24
            hash = (hash &* multiplier) ^ (word &* multiplier)
            (word, shift) = (0, 0)
        }
        if shift > 0 { hash = (hash ^ word) &* multiplier }
        hash ^= hash >> 13
        hash = hash &* multiplier
        return hash ^ (hash >> 15)
    }
}
