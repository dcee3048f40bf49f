internal import CSimdjson

/// A JSON object of an event: its payload, its metadata, or an object within.
///
/// Nothing is validated until it is read: a field that is never read may hold anything. Reading refuses with an
/// `EventRefusal` that names the field. The rules are the same for `json` and `jsonb` stores:
/// - the last of duplicate keys wins; a field that is absent and one that is null are the same;
/// - an integer is a number whose exact value has no fraction (3.6e3 is 3600) and is within ±2⁵³;
/// - a number is finite as a `Double`, and -0 is 0;
/// - a text has no NUL and no half of a surrogate pair.
///
/// A payload that is not an object refuses every field.
public struct Payload: Sendable {
    let storage: BatchStorage
    let document: Int32
}

/// A field's value, still JSON, and the memory that holds it.
struct JSONValue {
    /// From the first to the last character, quotes and brackets included; never empty.
    let start: UnsafePointer<UInt8>
    let length: Int
    /// A string that does not stand for itself.
    let isEscaped: Bool

    /// What it is, by its first character.
    var kind: Kind {
        switch start.pointee {
        case UInt8(ascii: "\""): .text
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }

    enum Kind: String {
        case text
        case object = "an object"
        case array = "an array"
        case boolean = "a boolean"
        case null
        case number = "a number"
    }
}

extension Payload {
    /// The last field of that name; nil when there is none or it is null.
    ///
    /// The value is valid as long as `storage` is held.
    func find(_ name: FieldName) throws(EventRefusal) -> JSONValue? {
        defer { extendLifetime(storage) }
        guard document >= 0 else {
            throw unreadable(name)
        }
        let layout = storage.layout
        let found = layout.pointee.documents[Int(document)]
        guard found.field_count >= 0 else {
            throw EventRefusal(
                .wrongType,
                field: name.description,
                "expected a payload that is an object, found \(describe(found))"
            )
        }
        let json = layout.pointee.json
        let fields = layout.pointee.fields + Int(found.first_field)
        // From the last, so that it wins over earlier ones of its name.
        var place = Int(found.field_count)
        while place > 0 {
            place -= 1
            let field = fields + place
            guard Self.isName(name, of: field, in: json) else {
                continue
            }
            let value = JSONValue(
                start: json + Int(field.pointee.value_offset),
                length: Int(field.pointee.value_length & UInt32(REFOLD_LENGTH_MASK)),
                isEscaped: field.pointee.value_length & REFOLD_ESCAPED != 0
            )
            return value.start.pointee == UInt8(ascii: "n") ? nil : value
        }
        return nil
    }

    @inline(__always)
    private static func isName(
        _ name: FieldName,
        of field: UnsafePointer<RefoldField>,
        in json: UnsafePointer<UInt8>
    ) -> Bool {
        let start = json + Int(field.pointee.name_offset)
        if field.pointee.name_length == UInt32(truncatingIfNeeded: name.count) {
            return isSame(start, name.start, count: name.count)
        }
        guard field.pointee.name_length & REFOLD_ESCAPED != 0 else {
            return false
        }
        let length = Int(field.pointee.name_length & UInt32(REFOLD_LENGTH_MASK))
        return refold_unescapes_to(start, length, name.start, name.count)
    }

    /// Why there is no payload to read.
    @inline(never)
    private func unreadable(_ name: FieldName) -> EventRefusal {
        defer { extendLifetime(storage) }
        guard document < EventRecord.none else {
            return EventRefusal(.wrongType, field: name.description, "the event has no payload that was read")
        }
        let layout = storage.layout
        let reason = layout.pointee.documents[Int(EventRecord.refused(by: document))]
        let text = UnsafeRawBufferPointer(start: layout.pointee.json + Int(reason.offset), count: Int(reason.length))
        return EventRefusal(.version, (try? JSON(parsing: text))?.asText ?? "its version cannot be read")
    }

    private func describe(_ document: RefoldDocument) -> String {
        guard document.field_count == REFOLD_NOT_AN_OBJECT else {
            return "text that is not JSON"
        }
        let json = storage.layout.pointee.json
        var start = Int(document.offset)
        while [" ", "\n", "\r", "\t"].contains(UnicodeScalar(json[start])) {
            start += 1
        }
        return JSONValue(start: json + start, length: 1, isEscaped: false).kind.rawValue
    }
}
