import Refold
import Testing

@Suite("Reading a payload")
struct PayloadTests {
    private func payload(_ json: String) -> Payload {
        Event(type: "test.happened", payload: json).payload
    }

    @Test("Fields of every type are read")
    func everyType() throws {
        let payload = payload(
            """
             { "text" : "grüße" , "integer":-7,"number": 0.5, "yes":true, "no" : false,"texts":["a", "b" ],
            "time":"2024-02-29T12:00:00Z","object":{"inner":{"deep":1}}, "nothing":null }\u{20}
            """
        )
        #expect(try payload.text("text") == "grüße")
        #expect(try payload.integer("integer") == -7)
        #expect(try payload.number("number") == 0.5)
        #expect(try payload.boolean("yes"))
        #expect(try !payload.boolean("no"))
        #expect(try payload.texts("texts") == ["a", "b"])
        #expect(try payload.timestamp("time").description == "2024-02-29T12:00:00Z")
        #expect(try payload.object("object").object("inner").integer("deep") == 1)
    }

    @Test("Optional fields of every type are read, and nil when absent or null")
    func optionals() throws {
        let full = payload(
            #"{"t":"x","i":1,"n":1.5,"b":true,"ts":["y"],"at":"2024-01-01T00:00:00Z","o":{"k":"v"}}"#
        )
        #expect(try full.optionalText("t") == "x")
        #expect(try full.optionalInteger("i") == 1)
        #expect(try full.optionalNumber("n") == 1.5)
        #expect(try full.optionalBoolean("b") == true)
        #expect(try full.optionalTexts("ts") == ["y"])
        #expect(try full.optionalTimestamp("at") == Timestamp("2024-01-01T00:00:00Z"))
        #expect(try full.optionalObject("o")?.text("k") == "v")
        for empty in [payload("{}"), payload(#"{"t":null,"i":null,"n":null,"b":null,"ts":null,"at":null,"o":null}"#)] {
            #expect(try empty.optionalText("t") == nil)
            #expect(try empty.optionalInteger("i") == nil)
            #expect(try empty.optionalNumber("n") == nil)
            #expect(try empty.optionalBoolean("b") == nil)
            #expect(try empty.optionalTexts("ts") == nil)
            #expect(try empty.optionalTimestamp("at") == nil)
            #expect(try empty.optionalObject("o") == nil)
        }
    }

    @Test("Absent and null are the same: not contained, and missing where needed")
    func absentAndNull() throws {
        let payload = payload(#"{"null":null,"false":false,"zero":0,"empty":""}"#)
        for field in ["null", "absent"] as [FieldName] {
            #expect(try !payload.contains(field))
            let refusal = #expect(throws: EventRefusal.self) { try payload.text(field) }
            #expect(refusal?.code == .missing)
            #expect(refusal?.field == field.description)
            #expect(refusal?.reason == "expected text, found nothing")
        }
        for field in ["false", "zero", "empty"] as [FieldName] {
            #expect(try payload.contains(field))
        }
    }

    @Test("The last of duplicate keys wins, also when it is null or written with escapes")
    func duplicates() throws {
        #expect(try payload(#"{"a":1,"b":0,"a":2}"#).integer("a") == 2)
        #expect(try payload(#"{"a":"one","a":2}"#).integer("a") == 2)
        #expect(try payload(#"{"a":1,"a":null}"#).optionalInteger("a") == nil)
        #expect(try payload(#"{"a":1,"\u0061":3}"#).integer("a") == 3)
        #expect(try payload(#"{"\u0061":3,"a":1}"#).integer("a") == 1)
        #expect(try payload(#"{"a":{"x":1},"a":{"y":2}}"#).object("a").optionalInteger("x") == nil)
    }

    @Test("Names are matched whole, by their decoded bytes")
    func names() throws {
        let payload = payload(
            #"{"user":1,"user_id_":2,"User_id":3,"user\u005Fid":4,"":5,"é":6,"\"q\\":7,"\ud800":8,"n\u0000":9}"#
        )
        #expect(try payload.integer("user_id") == 4)
        #expect(try payload.integer("user") == 1)
        #expect(try payload.integer("") == 5)
        #expect(try payload.integer("é") == 6)
        #expect(try payload.integer("\"q\\") == 7)
        #expect(try payload.optionalInteger("user_i") == nil)
        #expect(try payload.optionalInteger("n") == nil)
    }

    @Test("A value of another type is refused with what was expected and what was found")
    func wrongTypes() {
        let payload = payload(#"{"t":"x","n":1,"b":true,"a":[1],"o":{},"mixed":["x",null],"nested":[["x"]]}"#)
        func refused(_ reason: String, _ read: () throws -> Void) {
            let refusal = #expect(throws: EventRefusal.self, performing: read)
            #expect(refusal?.code == .wrongType)
            #expect(refusal?.description == reason)
        }
        refused("n: expected text, found a number") { _ = try payload.text("n") }
        refused("n: expected text, found a number") { _ = try payload.optionalText("n") }
        refused("t: expected an integer within ±2^53, found text") { _ = try payload.integer("t") }
        refused("t: expected an integer from 0 to 9, found text") { _ = try payload.integer("t", in: 0...9) }
        refused("b: expected a finite number, found a boolean") { _ = try payload.number("b") }
        refused("o: expected a number from 0.0 to 1.0, found an object") { _ = try payload.number("o", in: 0...1) }
        refused("a: expected a boolean, found an array") { _ = try payload.boolean("a") }
        refused("t: expected an array of texts, found text") { _ = try payload.texts("t") }
        refused("a: expected an array of texts, found a number in it") { _ = try payload.texts("a") }
        refused("mixed: expected an array of texts, found null in it") { _ = try payload.texts("mixed") }
        refused("nested: expected an array of texts, found an array in it") { _ = try payload.texts("nested") }
        refused("a: expected an object, found an array") { _ = try payload.object("a") }
        refused("n: expected a time in ISO 8601, found a number") { _ = try payload.timestamp("n") }
    }

    @Test(
        "A payload that is not an object refuses every field, needed or not",
        arguments: [
            ("[1]", "an array"), (#" "text""#, "text"), ("7", "a number"), ("null", "null"), ("\n true", "a boolean"),
        ]
    )
    func notAnObject(json: String, found: String) {
        let payload = payload(json)
        let refusal = #expect(throws: EventRefusal.self) { try payload.text("a") }
        #expect(refusal?.code == .wrongType)
        #expect(refusal?.reason == "expected a payload that is an object, found \(found)")
        #expect(throws: EventRefusal.self) { try payload.optionalText("a") }
        #expect(throws: EventRefusal.self) { try payload.contains("a") }
    }

    @Test("A time is refused when it is none, or infinite")
    func times() throws {
        for text in ["yesterday", "2024-02-30T00:00:00Z", "infinity", "-infinity", ""] {
            let refusal = #expect(throws: EventRefusal.self) { try payload(#"{"at":"\#(text)"}"#).timestamp("at") }
            #expect(refusal?.code == .outOfRange)
        }
        #expect(
            try payload(#"{"at":"2024\u002d01-01T00:00:00Z"}"#).timestamp("at").description == "2024-01-01T00:00:00Z"
        )
    }

    @Test("A refusal never repeats the payload")
    func secrecy() {
        let payload = payload(#"{"card":"4111-secret","n":123456789,"list":["4111-secret",4111]}"#)
        let reads: [() throws -> Void] = [
            { _ = try payload.integer("card") }, { _ = try payload.timestamp("card") },
            { _ = try payload.integer("n", in: 0...9) }, { _ = try payload.texts("list") },
        ]
        for read in reads {
            let refusal = #expect(throws: EventRefusal.self, performing: read)
            #expect(refusal?.description.contains("4111") == false)
            #expect(refusal?.description.contains("123456789") == false)
        }
    }
}
