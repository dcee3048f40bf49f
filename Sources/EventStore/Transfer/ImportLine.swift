internal import Refold

/// A line that cannot be imported, and why.
public struct BadLine: Error, Sendable, Hashable, CustomStringConvertible {
    /// The line's number in the input, from 1.
    public let number: Int
    /// What is wrong with it. It quotes no payload.
    public let reason: String

    /// Both in one clause.
    public var description: String { "line \(number): \(reason)" }
}

/// One event of an input. Ranges are of the bytes of its batch.
struct ImportLine: Sendable {
    let number: Int
    var stream = Text.empty
    var version: Int64?
    var id: EventID?
    var type = ""
    var typeVersion: Int64?
    var timestamp: Timestamp?
    var data: Range<Int> = 0..<0
    var metadata: Range<Int>?

    /// Where the metadata's first member begins, when the version of the type is to be put before it; nil when the
    /// metadata are complete as they are.
    private(set) var insertion: Int?

    private enum Member: Int, CaseIterable {
        case position, stream, version, id, type, typeVersion, timestamp, data, metadata

        private static let names = [
            "position", "stream", "version", "id", "type", "type_version", "timestamp", "data", "metadata",
        ]

        init?(_ name: String) {
            guard let place = Self.names.firstIndex(of: name) else { return nil }
            self.init(rawValue: place)
        }

        var name: String { Self.names[rawValue] }
        /// Its bit in a set of members.
        var bit: Int { 1 << rawValue }
        var isNeeded: Bool { self == .stream || self == .type || self == .data }
    }

    /// Reads a line.
    init(_ number: Int, _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) throws(BadLine) {
        self.number = number
        guard Self.isUTF8(UnsafeRawBufferPointer(rebasing: bytes[range])) else {
            throw BadLine(number: number, reason: "it is not UTF-8")
        }
        // The line is one level more around the payload, which may be as deep as one that is appended.
        var scanner = JSONScanner(bytes, range, deepest: JSON.deepest + 1)
        var seen = 0
        while let (name, value) = try nextMember(&scanner, range) {
            guard let text = Self.text(bytes, name), let member = Member(text) else {
                let name = String(decoding: bytes[name], as: UTF8.self)
                throw BadLine(number: number, reason: "an event has no member \"\(name.abbreviated())\"")
            }
            guard seen & member.bit == 0 else {
                throw BadLine(number: number, reason: "\"\(member.name)\" stands there twice")
            }
            seen |= member.bit
            try take(member, bytes, value)
        }
        for member in Member.allCases where member.isNeeded && seen & member.bit == 0 {
            throw BadLine(number: number, reason: "\"\(member.name)\" is missing")
        }
        try placeTypeVersion(bytes)
    }

    private func nextMember(
        _ scanner: inout JSONScanner,
        _ text: Range<Int>
    ) throws(BadLine) -> (name: Range<Int>, value: Range<Int>)? {
        do throws(JSONSyntaxError) {
            return try scanner.nextMember()
        } catch {
            let place = "at byte \(error.offset - text.lowerBound)"
            throw BadLine(number: number, reason: "it is not JSON \(place): expected \(error.expectation)")
        }
    }

    private mutating func take(
        _ member: Member,
        _ bytes: UnsafeRawBufferPointer,
        _ value: Range<Int>
    ) throws(BadLine) {
        let isNull = bytes[value.lowerBound] == UInt8(ascii: "n")
        // Null counts as absent, but as a payload it is a value.
        if member == .data { return data = value }
        if isNull && !member.isNeeded { return }
        func need<Value>(_ found: Value?, _ expected: String) throws(BadLine) -> Value {
            guard let found else {
                throw BadLine(number: number, reason: "\"\(member.name)\" is not \(expected)")
            }
            return found
        }
        func allow(_ name: String, _ what: String) throws(BadLine) -> String {
            if let refusal = EventLimits.refusal(of: name, what) { throw BadLine(number: number, reason: refusal) }
            return name
        }
        let name = "a text that is not empty"
        let wholeNumber = "a whole number from 1 to \(Int32.max)"
        switch member {
        case .stream: stream = Text(try allow(need(Self.name(bytes, value), name), "a stream's id"))
        case .type: type = try allow(need(Self.name(bytes, value), name), "an event's type")
        case .version:
            version = try need(Self.integer(bytes, value, in: 1...Int64(Int32.max)), wholeNumber)
        case .typeVersion:
            typeVersion = try need(Self.integer(bytes, value, in: 1...Int64(Int32.max)), wholeNumber)
        case .position:
            _ = try need(Self.integer(bytes, value, in: Int64.min...Int64.max), "a whole number")
        case .id:
            let text = Self.quoted(bytes, value)
            id = try need(text.flatMap { EventID(text: UnsafeRawBufferPointer(rebasing: bytes[$0])) }, "a UUID")
        case .timestamp:
            timestamp = try need(Self.time(bytes, value), "a time as ISO 8601 writes it")
        case .metadata:
            metadata = try need(bytes[value.lowerBound] == UInt8(ascii: "{") ? value : nil, "an object")
        case .data: break
        }
    }

    /// The version of the type belongs into the metadata; there it must not say otherwise.
    private mutating func placeTypeVersion(_ bytes: UnsafeRawBufferPointer) throws(BadLine) {
        guard let typeVersion, let metadata else { return }
        var found: Range<Int>?
        var scanner = JSONScanner(bytes, metadata)
        while let (name, value) = try nextMember(&scanner, metadata) {
            if Self.text(bytes, name) == EventMetadata.typeVersion { found = value }
        }
        guard let found else { return insertion = metadata.lowerBound + 1 }
        guard Self.integer(bytes, found, in: typeVersion...typeVersion) != nil else {
            throw BadLine(number: number, reason: "\"type_version\" and the one in the metadata differ")
        }
    }

    /// Hands out the metadata as they are to be stored, in pieces; none for no metadata.
    func storedMetadata(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        let member = typeVersion.map { "\"\(EventMetadata.typeVersion)\":\($0)" } ?? ""
        guard let metadata else { return typeVersion.map { _ in Array("{\(member)}".utf8) } }
        guard let insertion else { return Array(bytes[metadata]) }
        let rest = bytes[insertion..<metadata.upperBound]
        let isEmpty = rest.first { $0 > 0x20 } == UInt8(ascii: "}")
        return Array("{\(member)\(isEmpty ? "" : ",")".utf8) + rest
    }

    // MARK: Values

    private static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        while at + 8 <= bytes.count {
            if bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { break }
            at += 8
        }
        return String(validating: bytes[at...], as: UTF8.self) != nil
    }

    /// What stands between the quotes; nil for anything but a string without escapes.
    private static func quoted(_ bytes: UnsafeRawBufferPointer, _ value: Range<Int>) -> Range<Int>? {
        guard bytes[value.lowerBound] == UInt8(ascii: "\"") else { return nil }
        return (value.lowerBound + 1)..<(value.upperBound - 1)
    }

    /// The text of what stands between two quotes; nil when no text can be that.
    private static func text(_ bytes: UnsafeRawBufferPointer, _ content: Range<Int>) -> String? {
        let slice = bytes[content]
        guard slice.contains(UInt8(ascii: "\\")) else { return String(decoding: slice, as: UTF8.self) }
        let quoted = UnsafeRawBufferPointer(rebasing: bytes[(content.lowerBound - 1)..<(content.upperBound + 1)])
        return (try? JSON(parsing: quoted))?.asText
    }

    private static func name(_ bytes: UnsafeRawBufferPointer, _ value: Range<Int>) -> String? {
        guard let content = quoted(bytes, value), let text = text(bytes, content), !text.isEmpty else { return nil }
        return text
    }

    private static func time(_ bytes: UnsafeRawBufferPointer, _ value: Range<Int>) -> Timestamp? {
        guard let content = quoted(bytes, value) else { return nil }
        let text = UnsafeRawBufferPointer(rebasing: bytes[content])
        if let time = Timestamp(iso8601: text) { return time }
        return [Timestamp.infinity, .negativeInfinity].first { $0.description.utf8.elementsEqual(text) }
    }

    /// A number without a fraction, however it is written.
    private static func integer(
        _ bytes: UnsafeRawBufferPointer,
        _ value: Range<Int>,
        in allowed: ClosedRange<Int64>
    ) -> Int64? {
        let text = UnsafeRawBufferPointer(rebasing: bytes[value])
        guard let number = (try? JSON(parsing: text))?.asInteger, allowed.contains(number) else { return nil }
        return number
    }
}
