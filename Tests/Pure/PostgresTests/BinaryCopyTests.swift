import Postgres
import Testing

@Suite("The builder of binary COPY data")
struct BinaryCopyTests {
    @Test("hands out the header first, the trailer last, and everything once")
    func pieces() {
        var copy = BinaryCopy()
        #expect(copy.count == 19)
        let header = copy.take()
        #expect(header.prefix(6) == Array("PGCOPY".utf8)[...])
        #expect(header.count == 19)
        #expect(copy.take().isEmpty)
        copy.beginRow(fields: 2)
        copy.append(Int32(1))
        copy.append("ab")
        #expect(copy.count == 16)
        #expect(copy.take() == [0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 97, 98])
        copy.beginRow(fields: 1)
        copy.appendNull()
        #expect(copy.finish() == [0, 1, 255, 255, 255, 255, 255, 255])
    }

    @Test("grows with what it is given")
    func growth() {
        var copy = BinaryCopy(reservingCapacity: 10)
        let large = String(repeating: "x", count: 1_000_000)
        for _ in 0..<5 { copy.append(large) }
        copy.append(jsonb: "{}")
        let bytes = copy.finish()
        #expect(bytes.count == 19 + 5 * 1_000_004 + 7 + 2)
        #expect(bytes[19 + 4] == UInt8(ascii: "x"))
        #expect(bytes.suffix(9) == [0, 0, 0, 3, 1, 123, 125, 255, 255])
    }
}
