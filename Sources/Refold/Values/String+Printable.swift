extension String {
    /// The text as it may be shown to people: characters that would break a line, move a cursor, change the direction
    /// of writing or be invisible are written as JSON escapes them (`\n`, `\u001b`, `\u202e`). So the text stays in its
    /// line, and JSON stays the same JSON.
    ///
    /// These are controls, separators of lines and paragraphs, and invisible marks, except those that join letters or
    /// make up a flag. A backslash stays as it is: what is printable already does not change.
    package var printable: String {
        if utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return self }
        var text = ""
        for scalar in unicodeScalars {
            if scalar.isPrintable { text.unicodeScalars.append(scalar) } else { text += scalar.escaped }
        }
        return text
    }

    /// The beginning of an identifier of any length, as it may be shown to people.
    ///
    /// - Parameter limit: how many scalars are kept; an ellipsis and the length say that there are more.
    package func abbreviated(_ limit: Int = 100) -> String {
        guard unicodeScalars.count > limit else { return printable }
        return "\(String(unicodeScalars.prefix(limit)).printable)… (\(utf8.count) bytes)"
    }
}

extension Unicode.Scalar {
    fileprivate var isPrintable: Bool {
        if value >= 0x20 && value < 0x7F { return true }
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return false
        // Zero-width joiner and non-joiner; the tags in flags.
        case .format: return value == 0x200C || value == 0x200D || (0xE0020...0xE007F).contains(value)
        default: return true
        }
    }

    fileprivate var escaped: String {
        switch self {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default:
            var text: [UInt8] = []
            for unit in String(self).utf16 { text.appendUnicodeEscape(unit) }
            return String(decoding: text, as: UTF8.self)
        }
    }
}
