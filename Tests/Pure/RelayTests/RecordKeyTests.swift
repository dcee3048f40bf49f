import Relay
import Testing

@Suite("The key of an event") struct RecordKeyTests {
    private func key(_ path: String..., in json: String) -> String? {
        var json = json
        return json.withUTF8 { RecordEncoder.key(path, in: UnsafeRawBufferPointer($0)) }
            .map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("is a member of the payload as text") func members() {
        #expect(key("user_id", in: #"{"a": {"user_id": "no"}, "user_id": "u1"}"#) == "u1")
        #expect(key("user", "id", in: #"{"user": {"name": "n", "id": 17}}"#) == "17")
        #expect(key("flag", in: #"{"flag": true}"#) == "true")
        #expect(key("user_id", in: #"{"user_id": "é\n\"x"}"#) == "é\n\"x")
    }

    @Test("is found however the member's name is written, and whatever stands before it") func names() {
        #expect(key("käufer", in: #"{"k\u00e4ufer": "anna"}"#) == "anna")
        #expect(key("user_id", in: #"{"user_id": "a", "user\u005fid": "b"}"#) == "b")
        #expect(key("caf\u{e9}", in: "{\"cafe\u{301}\": 1}") == nil)
        let deep = String(repeating: "[", count: 600) + String(repeating: "]", count: 600)
        #expect(key("user_id", in: #"{"deep": \#(deep), "user_id": "u1"}"#) == "u1")
    }

    @Test("is that of the last member where several have the name") func duplicates() {
        #expect(key("user_id", in: #"{"user_id": "u1", "user_id": "u2"}"#) == "u2")
    }

    @Test("is missing where there is no text, number or Boolean") func missing() {
        #expect(key("user_id", in: #"{"user": 1}"#) == nil)
        #expect(key("user_id", in: #"{"user_id": null}"#) == nil)
        #expect(key("user_id", in: #"{"user_id": ["u1"]}"#) == nil)
        #expect(key("user", "id", in: #"{"user": "u1"}"#) == nil)
        #expect(key("user_id", in: #"["user_id"]"#) == nil)
        #expect(key("user_id", in: "17") == nil)
        // Half of a surrogate pair is no text.
        #expect(key("user_id", in: #"{"user_id": "\ud800"}"#) == nil)
    }
}
