extension JSON {
    /// The value in one line, without spaces.
    public var text: String {
        var text: [UInt8] = []
        write(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private func write(to text: inout [UInt8]) {
        switch self {
        case .null: text.append(contentsOf: "null".utf8)
        case .boolean(let value): text.append(contentsOf: value ? "true".utf8 : "false".utf8)
        case .integer(let value): text.appendDecimal(value)
        case .number(let value) where !value.isFinite: text.append(contentsOf: "null".utf8)
        case .number(let value) where value == value.rounded() && abs(value) < 1e15: text.appendDecimal(Int64(value))
        case .number(let value): text.append(contentsOf: value.description.utf8)
        case .decimal(let value): text.append(contentsOf: value.description.utf8)
        case .text(let value): text.appendJSON(text: value, shortEscapes: true)
        case .raw(let value): text.append(contentsOf: value.utf8)
        case .array(let values):
            text.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                value.write(to: &text)
            }
            text.append(UInt8(ascii: "]"))
        case .object(let object):
            text.append(UInt8(ascii: "{"))
            for (index, member) in object.members.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                text.appendJSON(text: member.name, shortEscapes: true)
                text.append(UInt8(ascii: ":"))
                member.value.write(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        }
    }
}

extension JSON.Object {
    /// The object in one line, without spaces.
    public var text: String { JSON.object(self).text }
}
