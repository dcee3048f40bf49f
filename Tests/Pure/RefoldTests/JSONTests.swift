import Refold
import Testing

@Suite("JSON values")
struct JSONTests {
    /// The values of an object's members as the scanner finds them, for an object with one member of this value.
    private func scanned(_ value: String) throws -> [String] {
        try Array("{\"a\": \(value) }".utf8).withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes, 0..<bytes.count)
            var values: [String] = []
            while let member = try scanner.nextMember() {
                values.append(String(decoding: bytes[member.value], as: UTF8.self))
            }
            return values
        }
    }

    @Test(
        "What is read is written again with all its digits, members and their order",
        arguments: [
            "null", "true", "false", "0", "-0", "-0.0", "1e2", "1.10",
            "12345678901234567890123456789012345678901234567890", "9223372036854775807", "-9223372036854775808",
            "9223372036854775808", #""""#, #""a""#, "[]", "{}", "[1,[2,[3]]]",
            #"{"b":1,"a":{"c":null},"b":2}"#, #""\"\\\n\r\t""#, #""äöü 𝄞 中""#, #""\ud800""#, #"["\udc00x"]"#,
        ]
    )
    func keeps(text: String) throws {
        #expect(try JSON(parsing: text).text == text)
        #expect(try JSON(parsing: " \n\t\r" + text + " \n").text == text)
        #expect(try scanned(text) == [text])
    }

    @Test("A name that no text can hold is refused where it would be written as another one")
    func brokenName() throws {
        let text = #"{"a":"\ud800","b":[{"\ud800":1}]}"#
        #expect(throws: Never.self) { try JSON(parsing: text) }
        let error = #expect(throws: JSONSyntaxError.self) { try JSON(rewriting: text) }
        #expect(error?.offset == 21)
        let kept = #"{"a":"\ud800","\\ud800":1}"#
        #expect(try JSON(rewriting: kept).text == kept)
    }

    @Test(
        "Strings mean what they escape",
        arguments: [
            (#""\u0041\/\b\f""#, "A/\u{8}\u{C}"), (#""\ud834\udd1e""#, "𝄞"), (#""\u0000""#, "\u{0}"),
            (#""x\\u0041""#, #"x\u0041"#),
        ]
    )
    func escapes(text: String, value: String) throws {
        let read = try JSON(parsing: text)
        #expect(read == .text(value))
        #expect(try JSON(parsing: read.text) == read)
    }

    @Test(
        "What is no JSON is refused, with its place",
        arguments: [
            ("", 0), (" ", 1), ("tru", 0), ("nul1", 0), ("01", 0), ("+1", 0), ("1.", 2), ("1e", 2), ("-", 0), (".5", 0),
            ("1 2", 2), ("[1,]", 3), ("[1", 2), ("{\"a\"}", 4), ("{\"a\":1,}", 7), ("{a:1}", 1), ("\"a", 2),
            (#""\x""#, 2),
            (#""\u12g4""#, 5), (#""\u+123""#, 3), ("\"\u{1}\"", 1), ("'a'", 0), ("]", 0), (#""\"#, 2), ("{\"a\" 1}", 5),
            ("[\"a\" \"b\"]", 5), ("NaN", 0), (#""\u12"#, 5), (#""\u-000""#, 3),
        ]
    )
    func refused(text: String, offset: Int) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSON(parsing: text) }
        #expect(error?.offset == offset)
        #expect(throws: JSONSyntaxError.self) { try scanned(text) }
    }

    @Test(
        "The first thing that is wrong is named; in a string, its end and control characters come first",
        arguments: [
            (#"{"a":}"#, 5, "a value"), (#"{1:2}"#, 1, "a member's name"), (#"{"a":1,}"#, 7, "a member's name"),
            (#"{"a" 1}"#, 5, "a colon"), (#"{"a":1 "b":2}"#, 7, "a comma or the object's end"),
            ("[1 2]", 3, "a comma or the array's end"), ("[1,]", 3, "a value"), ("[1e+]", 4, "a digit"),
            ("[-1.x]", 4, "a digit"), ("[] x", 3, "nothing more"), (#""\u12g4""#, 5, "four hexadecimal digits"),
            (#""\u12"#, 5, "the string's end"), (#""\x"#, 3, "the string's end"), (#""\"#, 2, "the string's end"),
            ("\"\\x\u{1F}\"", 3, "no control character"), (#"["\x\u12"]"#, 3, "an escape"),
            (#""\ud834\u12""#, 11, "four hexadecimal digits"),
        ]
    )
    func names(text: String, offset: Int, expectation: String) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSON(parsing: text) }
        #expect(error?.offset == offset)
        #expect(error?.expectation == expectation)
        #expect(throws: JSONSyntaxError.self) { try scanned(text) }
    }

    @Test(
        "Bytes that are no UTF-8 are refused where the piece of text begins that they stand in",
        arguments: [
            ([0x22, 0x61, 0xFF, 0x22], 1), ([0x22, 0x5C, 0x6E, 0x61, 0xC3, 0x22], 3), ([0x5B, 0xFF], 1),
        ] as [([UInt8], Int)]
    )
    func notUTF8(bytes: [UInt8], offset: Int) {
        let error = #expect(throws: JSONSyntaxError.self) { try bytes.withUnsafeBytes { try JSON(parsing: $0) } }
        #expect(error?.offset == offset)
    }

    @Test("Space may stand around all that is not within a string or a number")
    func space() throws {
        let text = " { \"a\" : [ ] , \"b\"\t:\r{ \"c\" : [ 1 , 2e+1 , -0.5E-1 ] } } \n"
        #expect(try JSON(parsing: text).text == #"{"a":[],"b":{"c":[1,2e+1,-0.5E-1]}}"#)
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: "\u{B}1") }
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: "1\u{A0}") }
    }

    @Test("Values within one another are read to a depth, and refused beyond it")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try JSON(parsing: nested(512)).text == nested(512))
        // What is closed does not count.
        let beside = "[\(nested(511)),\(nested(511)),{\"a\":\(nested(510))}]"
        #expect(try JSON(parsing: beside).text == beside)
        let error = #expect(throws: JSONSyntaxError.self) { try JSON(parsing: nested(513)) }
        #expect(error?.description == "not JSON at byte 512: expected no more than 512 levels")
        #expect(try scanned(nested(511)) == [nested(511)])
        #expect(throws: JSONSyntaxError.self) { try scanned(nested(512)) }
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: String(repeating: "[", count: 1_000_000)) }
    }

    @Test("Numbers have their exact values")
    func numbers() throws {
        let json = try JSON(parsing: #"[1, 1.0, 1e2, 0.1, 1e40, "1", null, 9223372036854775808]"#)
        let values = try #require(json.asArray)
        #expect(values.map(\.asInteger) == [1, 1, 100, nil, nil, nil, nil, nil])
        #expect(
            values.map { $0.asDecimal?.description } == ["1", "1", "100", "0.1", nil, nil, nil, "9223372036854775808"]
        )
        #expect(JSON.decimal(try #require(ExactDecimal("1.50"))).text == "1.5")
        #expect(JSON.number(.infinity).text == "null")
        #expect(JSON.number(0.25).text == "0.25")
    }

    @Test("Members are found, set, removed and renamed in place")
    func members() throws {
        var object = try #require(try JSON(parsing: #"{"a":1,"b":2,"a":3,"c":[true]}"#).asObject)
        #expect(object["a"] == 3)
        #expect(object["d"] == nil)
        object["b"] = "x"
        object["d"] = .null
        #expect(object.text == #"{"a":1,"b":"x","a":3,"c":[true],"d":null}"#)
        let renamed = object.rename("a", to: "c")
        #expect(renamed)
        #expect(object.text == #"{"b":"x","c":3,"d":null}"#)
        let renamedAgain = object.rename("a", to: "e")
        #expect(!renamedAgain)
        let renamedToItself = object.rename("c", to: "c")
        #expect(renamedToItself)
        object["c"] = nil
        object["c"] = nil
        #expect(object == ["b": "x", "d": .null])
        #expect(try #require(object["b"]?.asText) == "x")
    }

    @Test("Members whose names only look the same are two")
    func namesAreBytes() throws {
        var object = try #require(try JSON(parsing: "{\"caf\u{E9}\":1,\"cafe\u{301}\":2}").asObject)
        #expect(object["caf\u{E9}"] == 1)
        #expect(object["cafe\u{301}"] == 2)
        object["cafe\u{301}"] = 3
        object.rename("cafe\u{301}", to: "caf\u{E9}")
        #expect(object.members.map(\.value) == [3])
        object["cafe\u{301}"] = nil
        #expect(object["caf\u{E9}"] == 3)
    }
}
