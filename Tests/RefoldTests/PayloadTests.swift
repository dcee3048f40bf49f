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
            #" { "text" : "grüße" , "integer":-7,"number": 0.5, "yes":true, "no" : false,"texts":["a", "b" ],"#
                + #""time":"2024-02-29T12:00:00Z","object":{"inner":{"deep":1}}, "nothing":null } "#
        )
        #expect(try payload.text("text") == "grüße")
        #expect(try payload.integer("integer") == -7)
        #expect(try payload.number("number") == 0.5)
        #expect(try payload.boolean("yes"))
        #expect(try !payload.boolean("no"))
        #expect(try payload.texts("texts") == ["a", "b"])
        #expect(try payload.timestamp("time").description == "2024-02-29T12:00:00Z")
        #expect(try payload.object("object").object("inner").integer("deep") == 1)
        #expect(try payload.optionalText("nothing") == nil)
        #expect(try payload.optionalText("absent") == nil)
        #expect(try !payload.contains("nothing"))
        #expect(try payload.contains("no"))
    }
}
