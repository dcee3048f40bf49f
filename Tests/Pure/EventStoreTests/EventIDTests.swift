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

    @Test("New ids differ, are of version 7 and grow with time")
    func new() async throws {
        var ids: [String] = []
        for _ in 0..<5 {
            ids += (0..<200).map { _ in EventID().description }
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { Array($0)[14] == "7" && "89ab".contains(Array($0)[19]) })
        #expect(zip(ids, ids.dropFirst(200)).allSatisfy { $0 < $1 })
    }
}
