import Refold
import Testing

@Suite("The structure of a payload")
struct PayloadStructureTests {
    private func payload(_ json: String) -> Payload {
        Event(type: "test.happened", payload: json).payload
    }

    /// What PostgreSQL 15 prints for `json::jsonb::text` beside the JSON it was given.
    private static let pairs: [(json: String, jsonb: String)] = [
        (#"{"a":3.6e3}"#, #"{"a": 3600}"#),
        (#"{"a":1e400}"#, #"{"a": 1\#(String(repeating: "0", count: 400))}"#),
        (#"{"a":1.0}"#, #"{"a": 1.0}"#),
        (#"{"a":-0}"#, #"{"a": 0}"#),
        (#"{"a":-0.0}"#, #"{"a": 0.0}"#),
        (#"{"a":0e99}"#, #"{"a": 0}"#),
        (#"{"a":1E-3}"#, #"{"a": 0.001}"#),
        (#"{"a":1e22}"#, #"{"a": 10000000000000000000000}"#),
        (#"{"a":10000000000000000e-1}"#, #"{"a": 1000000000000000.0}"#),
        (#"{"a":1e-400}"#, #"{"a": 0.\#(String(repeating: "0", count: 399))1}"#),
        (#"{"a":4.9e-324}"#, #"{"a": 0.\#(String(repeating: "0", count: 323))49}"#),
        (#"{"a":1.7976931348623157e308}"#, #"{"a": 17976931348623157\#(String(repeating: "0", count: 292))}"#),
        (#"{"a":1.7976931348623159e308}"#, #"{"a": 17976931348623159\#(String(repeating: "0", count: 292))}"#),
        (#"{"a":1, "a":2}"#, #"{"a": 2}"#),
        (#"{"a":1, "a":null}"#, #"{"a": null}"#),
        (#"{"a":1, "\u0061":3}"#, #"{"a": 3}"#),
        (#"{"a" : "x\ty\u00e9\ud83c\udfac\/\"\\"}"#, #"{"a": "x\tyé🎬/\"\\"}"#),
        (#"{"a":["é", "\u00e9" ,"b"]}"#, #"{"a": ["é", "é", "b"]}"#),
        (#"{"a":{"b":{"c":[1,{"d":"]}\""}]}}, "z":0}"#, #"{"a": {"b": {"c": [1, {"d": "]}\""}]}}, "z": 0}"#),
        (
            #"  {   "long_name"  :  true ,  "a"  :  "  spaced  "  }"#,
            #"{"a": "  spaced  ", "long_name": true}"#
        ),
        ("[1, 2]", "[1, 2]"),
        (#"{"a":"2024-03-01T00:00:00Z"}"#, #"{"a": "2024-03-01T00:00:00Z"}"#),
    ]

    @Test("json and jsonb of one value are read and refused alike", arguments: pairs)
    func parity(json: String, jsonb: String) {
        let (left, right) = (payload(json), payload(jsonb))
        func same<Value: Equatable>(_ read: (Payload) throws(EventRefusal) -> Value) -> Bool {
            let (left, right) = (Result { try read(left) }, Result { try read(right) })
            switch (left, right) {
            case (.success(let left), .success(let right)): return left == right
            case (.failure(let left), .failure(let right)): return "\(left)" == "\(right)"
            default: return false
            }
        }
        #expect(same { (payload) throws(EventRefusal) in try payload.text("a") })
        #expect(same { (payload) throws(EventRefusal) in try payload.optionalText("a") })
        #expect(same { (payload) throws(EventRefusal) in try payload.integer("a") })
        #expect(same { (payload) throws(EventRefusal) in try payload.integer("a", in: 0...3600) })
        #expect(same { (payload) throws(EventRefusal) in try payload.number("a").bitPattern })
        #expect(same { (payload) throws(EventRefusal) in try payload.boolean("long_name") })
        #expect(same { (payload) throws(EventRefusal) in try payload.texts("a") })
        #expect(same { (payload) throws(EventRefusal) in try payload.timestamp("a") })
        #expect(same { (payload) throws(EventRefusal) in try payload.contains("a") })
        #expect(same { (payload) throws(EventRefusal) in try payload.object("a").object("b").contains("c") })
    }

    @Test("Depth has no limit", arguments: [1_100, 100_000])
    func depth(levels: Int) throws {
        let deep = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        let objects = String(repeating: #"{"x":"#, count: levels) + "1" + String(repeating: "}", count: levels)
        let payload = payload(#"{"before":1,"deep":\#(deep),"objects":\#(objects),"after":2}"#)
        #expect(try payload.integer("before") == 1)
        #expect(try payload.integer("after") == 2)
        #expect(try payload.object("objects").object("x").contains("x"))
        #expect(throws: EventRefusal.self) { try payload.texts("deep") }
    }

    @Test("An object has as many fields as it likes")
    func manyFields() throws {
        let fields = (0..<50_000).map { #""field\#($0)":\#($0)"# }.joined(separator: ", ")
        let payload = payload("{\(fields)}")
        #expect(try payload.integer("field0") == 0)
        #expect(try payload.integer("field49999") == 49_999)
        #expect(try payload.optionalInteger("field50000") == nil)
    }

    @Test("Space stands wherever JSON allows it")
    func space() throws {
        let payload = payload(" \t\r\n{ \n\"a\"\t:\r\n 1 \n, \"b\" : [ ] , \"c\":{ } ,\"d\" : \"x\"\n}\n ")
        #expect(try payload.integer("a") == 1)
        #expect(try payload.texts("b") == [])
        #expect(try !payload.object("c").contains("x"))
        #expect(try payload.text("d") == "x")
    }

    @Test("An object without fields has none", arguments: ["{}", " { } ", "{\n}"])
    func empty(json: String) throws {
        #expect(try payload(json).optionalText("a") == nil)
    }

    @Test(
        "Text that is no JSON refuses, and leaves the other events of its batch alone",
        arguments: [
            "", " ", "{", #"{"a"#, #"{"a""#, #"{"a":"#, #"{"a":1"#, #"{"a":1,"#, #"{"a":1,}"#, #"{"a":1}}"#,
            #"{"a":1}x"#,
            #"{"a":"x}"#, #"{"a":"x\"#, #"{"a":"x\"}"#, #"{"a" 1}"#, #"{"a":1 "b":2}"#, #"{"a":1 2}"#, "{a:1}",
            #"{"a":[1}"#,
            #"{"a":[[]}"#, #"{,"a":1}"#, #"{"a"::1}"#, #"{"a":}"#, #"{"a":,"b":1}"#, "{\"a\":\"x\ny\"", #"{"a":"x"y}"#,
            "}", ",", ":",
        ]
    )
    func malformed(json: String) throws {
        var builder = EventBatchBuilder(types: EventTypeCatalog(["test.happened"]))
        for (position, payload) in [#"{"a":"before"}"#, json, #"{"a":"after"}"#, json].enumerated() {
            builder.append(position: Int64(position), type: "test.happened", timestamp: 0, payload: payload)
        }
        let batch = builder.finish()
        #expect(try batch[0].payload.text("a") == "before")
        #expect(throws: EventRefusal.self) { try batch[1].payload.optionalText("a") }
        #expect(try batch[2].payload.text("a") == "after")
        #expect(throws: EventRefusal.self) { try batch[3].payload.optionalText("a") }
    }

    @Test("Bytes that are not UTF-8 are refused where they are read")
    func notUTF8() throws {
        var builder = EventBatchBuilder(types: EventTypeCatalog(["test.happened"]))
        let bytes =
            Array(#"{"good":"é","bad":""#.utf8) + [0xc3, 0x28, 0xff] + Array(#"","list":[""#.utf8) + [0x80]
            + Array(#""]}"#.utf8)
        bytes.withUnsafeBytes { payload in
            Array("test.happened".utf8).withUnsafeBytes { type in
                _ = builder.append(position: 1, type: type, timestamp: 0, payload: payload)
            }
        }
        let payload = builder.finish()[0].payload
        #expect(try payload.text("good") == "é")
        let refusal = #expect(throws: EventRefusal.self) { try payload.text("bad") }
        #expect(refusal?.reason == "expected text that can be stored, found text that is not UTF-8")
        #expect(throws: EventRefusal.self) { try payload.texts("list") }
    }
}
