import Refold
import Testing

@Suite("Texts in a payload")
struct PayloadTextTests {
    private func payload(_ json: String) -> Payload {
        Event(type: "test.happened", payload: json).payload
    }

    @Test("Escapes are decoded, surrogate pairs included")
    func escapes() throws {
        let payload = payload(
            #"{"a":"\"\\\/\b\f\n\r\t","b":"\u0041\u00e9\u20AC\ud83c\udfac","c":"x\ty","d":"\u007f\uffff\u0001"}"#
        )
        #expect(try payload.text("a") == "\"\\/\u{8}\u{c}\n\r\t")
        #expect(try payload.text("b") == "Aé€🎬")
        #expect(try payload.text("c") == "x\ty")
        #expect(try payload.text("d") == "\u{7f}\u{ffff}\u{1}")
    }

    @Test("Texts written with escapes and without are the same text")
    func equality() throws {
        let payload = payload(#"{"plain":"é\"","escaped":"\u00E9\u0022"}"#)
        #expect(try payload.text("plain") == payload.text("escaped"))
        #expect(try payload.text("plain").hashValue == payload.text("escaped").hashValue)
    }

    @Test("Structure within a text is text")
    func structureWithin() throws {
        let payload = payload(#"{"a":"},{\":[","b":"\\","c":"\\\"","d":"after"}"#)
        #expect(try payload.text("a") == "},{\":[")
        #expect(try payload.text("b") == "\\")
        #expect(try payload.text("c") == "\\\"")
        #expect(try payload.text("d") == "after")
    }

    @Test("The empty text is a value")
    func empty() throws {
        let payload = payload(#"{"a":"","b":[""]}"#)
        #expect(try payload.text("a").isEmpty)
        #expect(try payload.optionalText("a") == "")
        #expect(try payload.texts("b") == [""])
    }

    @Test(
        "A text with a NUL or half of a surrogate pair is refused where it is read",
        arguments: [
            (#"x\u0000y"#, "a NUL"), (#"\u0000"#, "a NUL"), (#"\ud800"#, "half of a surrogate pair"),
            (#"\udfac\ud83c"#, "half of a surrogate pair"), (#"\ud83cx"#, "half of a surrogate pair"),
            (#"\ud83c\ud83c\udfac"#, "half of a surrogate pair"), (#"\ud83c\n"#, "half of a surrogate pair"),
            (#"end\uDBFF"#, "half of a surrogate pair"),
        ]
    )
    func refused(text: String, found: String) throws {
        let payload = payload(#"{"good":"yes","bad":"\#(text)","list":["x","\#(text)"],"object":{"bad":"\#(text)"}}"#)
        #expect(try payload.text("good") == "yes")
        #expect(try payload.contains("bad"))
        let reads: [() throws -> Void] = [
            { _ = try payload.text("bad") }, { _ = try payload.optionalText("bad") }, { _ = try payload.texts("list") },
            { _ = try payload.object("object").text("bad") },
        ]
        for read in reads {
            let refusal = #expect(throws: EventRefusal.self, performing: read)
            #expect(refusal?.code == .invalidText)
            #expect(refusal?.reason == "expected text that can be stored, found text with \(found)")
        }
        #expect(throws: EventRefusal.self) { try payload.timestamp("bad") }
    }

    @Test("Arrays of texts keep order, repetitions and escapes")
    func arrays() throws {
        let payload = payload(#"{"a":[ "b" , "a","b","\u00e9" ,"[,]"],"none":[],"space":[ ],"one":["x"]}"#)
        #expect(try payload.texts("a") == ["b", "a", "b", "é", "[,]"])
        #expect(try payload.texts("none") == [])
        #expect(try payload.texts("space") == [])
        #expect(try payload.texts("one") == ["x"])
    }

    @Test("Long texts and names are read whole")
    func long() throws {
        let long = String(repeating: "wörd ", count: 20_000)
        let payload = payload(#"{"\#(String(repeating: "n", count: 70_000))":1,"a":"\#(long)","b":"\#(long)\n"}"#)
        #expect(String(try payload.text("a")) == long)
        #expect(String(try payload.text("b")) == long + "\n")
    }

    @Test(
        "Every plain character stands for itself",
        arguments: [0x20...0x2ff, 0xd780...0xd7ff, 0xe000...0xe0ff, 0x1f3a0...0x1f3ff]
    )
    func characters(range: ClosedRange<UInt32>) throws {
        let scalars = range.compactMap(Unicode.Scalar.init).filter { $0 != "\"" && $0 != "\\" }
        let text = String(String.UnicodeScalarView(scalars))
        #expect(String(try payload(#"{"a":"\#(text)"}"#).text("a")) == text)
    }
}
