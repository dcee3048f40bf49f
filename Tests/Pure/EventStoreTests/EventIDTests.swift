import EventStore
import Testing

@Suite("Event ids")
struct EventIDTests {
    @Test("An id is read from, and written as, the text of RFC 9562")
    func text() throws {
        let text = "018f3c1e-9a00-7b1c-8000-5f2d3c4b5a69"
        let id = try #require(EventID(text))
        #expect(id.description == text)
        #expect(EventID(text.uppercased()) == id)
        for wrong in [
            "", "no uuid", String(text.dropLast()), text + "0", "{\(text)}", text.replacing("-", with: ""),
            text.replacing("f", with: "g"), "018f3c1e9-a00-7b1c-8000-5f2d3c4b5a69",
            "018f3c1é-9a00-7b1c-8000-5f2d3c4b5a6",
        ] {
            #expect(EventID(wrong) == nil, "\(wrong)")
        }
    }

    @Test("The id of a name is a UUID of version 5")
    func named() throws {
        let dns = try #require(EventID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"))
        // RFC 9562, appendix A.4.
        #expect(EventID(namespace: dns, name: "www.example.com").description == "2ed6657d-e927-568b-95e1-2665a8aea6a2")
        let url = try #require(EventID("6ba7b811-9dad-11d1-80b4-00c04fd430c8"))
        // On both sides of where the digest takes another block; made with Python's uuid.uuid5.
        for (length, id) in [
            (39, "f4eaee1e-e483-528b-88bd-6b8932ab6e2b"), (40, "f562c38a-a8fe-5cdd-b523-6f30cfb54847"),
            (47, "b18474ae-5fc6-5d04-aa24-a5be94234955"), (48, "8fa6ffa9-9280-5899-a2d8-b082ccdf6380"),
            (111, "aab99202-50f3-534a-bc28-c118fe72986d"), (112, "f531054f-eafa-5f71-a62b-6dd48019d086"),
            (1000, "68491f23-75a7-557d-943b-00881c13ae1e"),
        ] {
            let name = String(repeating: "x", count: length)
            #expect(EventID(namespace: url, name: name).description == id)
        }
    }

    @Test("New ids differ, are of version 7 and grow with time")
    func new() {
        // The first 48 bits.
        func millisecond(_ id: String?) -> Substring? { id?.prefix(13) }
        var ids: [String] = []
        for _ in 0..<5 {
            ids += (0..<200).map { _ in EventID().description }
            while millisecond(EventID().description) == millisecond(ids.last) {}
        }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { Array($0)[14] == "7" && "89ab".contains(Array($0)[19]) })
        #expect(zip(ids, ids.dropFirst(200)).allSatisfy { $0 < $1 })
    }
}
