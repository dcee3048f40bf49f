import Kafka
import Testing

@Suite("The partition of a key") struct KafkaPartitionerTests {
    /// The values of Kafka's own test.
    /// https://github.com/apache/kafka/blob/3.4/clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java (testMurmur2)
    @Test(
        "is murmur2 as Kafka's own producers compute it",
        arguments: [
            ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
        ] as [(String, Int32)]
    ) func murmur2(key: String, hash: Int32) {
        #expect(Int32(bitPattern: KafkaPartitioner.murmur2(Array(key.utf8))) == hash)
    }

    @Test("is never negative, and the only one where there is only one") func range() {
        for number in 0..<1_000 {
            let key = Array("user-\(number)".utf8)
            #expect((0..<7).contains(KafkaPartitioner.partition(of: key, count: 7)))
            #expect(KafkaPartitioner.partition(of: key, count: 1) == 0)
        }
        #expect((0..<3).contains(KafkaPartitioner.partition(of: [], count: 3)))
    }
}
