/// A process's right to own generations: a row of `refold.owners`, good for a time and renewed as long as it lives.
///
/// The lease decides which process may *take* a generation; the fencing value that every commit states keeps a former
/// owner from *writing* it.
package struct Lease: Sendable {
    /// The random id under which checkpoints name their owner: a UUID.
    package let id: String
    /// The process that holds it.
    package let process: ProcessIdentity
    /// How long it is good for without being renewed.
    package let time: Duration
    /// What the holder can tail, as ``WorkShare/name(of:identity:)`` writes it; empty for one that does not tail.
    package let tails: [String]

    package init(process: ProcessIdentity = .current, time: Duration = .seconds(10), tails: [String] = []) {
        id = Self.randomID()
        self.process = process
        self.time = time
        self.tails = tails
    }

    /// A UUID of version 4. https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-4
    private static func randomID() -> String {
        let high = UInt64.random(in: 0...(.max)) & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = UInt64.random(in: 0...(.max)) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        func digits(_ number: UInt64) -> String {
            let text = String(number, radix: 16)
            return String(repeating: "0", count: 16 - text.utf8.count) + text
        }
        let text = Array((digits(high) + digits(low)).utf8)
        let groups = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return groups.map { String(decoding: text[$0], as: UTF8.self) }.joined(separator: "-")
    }
}
