import Refold
import Testing

@Suite("Texts")
struct TextTests {
    @Test("A text made from a string, a literal or another text is the same")
    func making() {
        let literal: Text = "grüße 🎬"
        let string = Text("grüße 🎬")
        #expect(literal == string)
        #expect(literal.hashValue == string.hashValue)
        #expect(literal.byteHash == string.byteHash)
        #expect(literal.owned() == literal)
        #expect(String(literal) == "grüße 🎬")
        #expect(literal.description == "grüße 🎬")
        #expect(literal.count == 12)
        let scalar: Text = "é"
        #expect(scalar == Text("é"))
    }

    @Test("The empty text is empty")
    func empty() {
        #expect(Text.empty.isEmpty)
        #expect(Text("").isEmpty)
        #expect(Text("") == .empty)
        #expect(Text("").owned() == "")
        #expect(String(Text.empty) == "")
        #expect(!Text("x").isEmpty)
        #expect(Text.empty < "a")
    }

    @Test("Texts are equal by bytes, where strings are equal by meaning")
    func bytes() {
        let (composed, decomposed) = ("\u{e9}", "e\u{301}")
        #expect(composed == decomposed)
        #expect(Text(composed) != Text(decomposed))
        #expect(Text("a") != Text("b"))
        #expect(Text("a") != Text("ab"))
    }

    @Test("Texts sort by code point")
    func sorting() {
        let sorted = ["", "A", "Z", "a", "aa", "ab", "b", "z", "é", "ﬀ", "𝄞", "🎬"]
        #expect(sorted.reversed().map { Text($0) }.sorted().map { String($0) } == sorted)
        // By code unit of UTF-16 these two would be the other way round.
        #expect(Text("\u{ffff}") < Text("\u{10000}"))
        #expect(!(Text("a") < Text("a")))
    }

    @Test("The hash tells texts of every length apart")
    func hashes() {
        var hashes: Set<UInt64> = []
        for count in 0...200 {
            hashes.insert(Text(String(repeating: "a", count: count)).byteHash)
        }
        for number in 0..<20_000 {
            hashes.insert(Text("user-\(number)").byteHash)
            hashes.insert(Text("3f2504e0-4f89-41d3-9a0c-\(100_000_000_000 + number)").byteHash)
        }
        #expect(hashes.count == 201 + 40_000)
        // Its low bits choose places in tables.
        let places = Set((0..<4_096).map { Text("content-\($0)").byteHash & 4_095 })
        #expect(places.count > 2_400)
    }

    @Test("Bytes are borrowed as they are")
    func lending() {
        #expect(Text("aé").withBytes { Array($0) } == [0x61, 0xc3, 0xa9])
        #expect(Text("").withBytes { $0.count } == 0)
        #expect([1, 2].withUnsafeBytes { Text(copying: UnsafeRawBufferPointer(rebasing: $0[0..<0])) } == "")
    }

    @Test("Types of events whose names only look the same are two")
    func typesAreBytes() {
        let (composed, decomposed): (EventType, EventType) = ("caf\u{E9}.opened", "cafe\u{301}.opened")
        #expect(composed != decomposed)
        #expect(decomposed.name.unicodeScalars.count == 12)
        #expect(EventType("caf\u{E9}.opened") == composed)
    }
}
