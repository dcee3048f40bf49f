/// JSON's scalars appended to UTF-8, without strings in between.
extension [UInt8] {
    /// A text: quoted, with quotes, backslashes and control characters escaped.
    ///
    /// - Parameter shortEscapes: line ends and tabs are written as `\n`, `\r` and `\t`, else as the others are:
    ///   `\u000a`. Existing data have the one form in events and the other in the cache.
    package mutating func appendJSON(text: UnsafeRawBufferPointer, shortEscapes: Bool = false) {
        append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case UInt8(ascii: "\n") where shortEscapes: append(contentsOf: #"\n"#.utf8)
            case UInt8(ascii: "\r") where shortEscapes: append(contentsOf: #"\r"#.utf8)
            case UInt8(ascii: "\t") where shortEscapes: append(contentsOf: #"\t"#.utf8)
            case 0..<0x20: appendUnicodeEscape(UInt16(byte))
            default: append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }

    /// The same.
    package mutating func appendJSON(text: String, shortEscapes: Bool = false) {
        var text = text
        text.withUTF8 { appendJSON(text: UnsafeRawBufferPointer($0), shortEscapes: shortEscapes) }
    }

    /// A code unit of UTF-16 as JSON escapes it: `\u001b`.
    mutating func appendUnicodeEscape(_ unit: UInt16) {
        append(contentsOf: #"\u"#.utf8)
        appendHexadecimal(UInt8(unit >> 8))
        appendHexadecimal(UInt8(unit & 0xFF))
    }

    /// An array of the texts that are stored as ``TextListBytes``.
    package mutating func appendJSON(texts: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "["))
        var isFirst = true
        TextListBytes.forEach(in: texts) { text in
            if !isFirst { append(UInt8(ascii: ",")) }
            isFirst = false
            appendJSON(text: text)
        }
        append(UInt8(ascii: "]"))
    }

    /// An array of the integers that are stored as ``IntegerListBytes``.
    package mutating func appendJSON(integers: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "["))
        for (place, integer) in IntegerListBytes.integers(in: integers).enumerated() {
            if place > 0 { append(UInt8(ascii: ",")) }
            appendDecimal(integer)
        }
        append(UInt8(ascii: "]"))
    }

    /// The shortest number that reads back the same; a value for which JSON has no number is a text, as in PostgreSQL.
    package mutating func appendJSON(_ number: Double) {
        guard number.isFinite else {
            return append(contentsOf: (number.isNaN ? #""NaN""# : number < 0 ? #""-Infinity""# : #""Infinity""#).utf8)
        }
        var text = number.description
        text.withUTF8 { digits in
            // "100.0" is longer than it has to be.
            let isWhole = digits.count > 2 && digits[digits.count - 2] == UInt8(ascii: ".") && digits.last == 0x30
            append(contentsOf: isWhole ? digits.dropLast(2) : digits[...])
        }
    }

    /// `\x` and two digits for each byte, as PostgreSQL writes `bytea`.
    package mutating func appendJSON(hexadecimal bytes: UnsafeRawBufferPointer) {
        append(contentsOf: #""\\x"#.utf8)
        for byte in bytes { appendHexadecimal(byte) }
        append(UInt8(ascii: "\""))
    }

    /// A moment with six digits after the seconds: `"2024-03-01T12:30:00.250000Z"`; `"infinity"`, `"-infinity"`.
    package mutating func appendJSON(_ timestamp: Timestamp) {
        append(UInt8(ascii: "\""))
        if timestamp.isFinite {
            appendISO8601(timestamp, alwaysFraction: true)
        } else {
            append(contentsOf: timestamp.description.utf8)
        }
        append(UInt8(ascii: "\""))
    }

    /// A day: `"2024-03-01"`; `"infinity"`, `"-infinity"`.
    package mutating func appendJSON(_ day: Day) {
        append(UInt8(ascii: "\""))
        append(contentsOf: day.description.utf8)
        append(UInt8(ascii: "\""))
    }

    private mutating func appendHexadecimal(_ byte: UInt8) {
        let digits: StaticString = "0123456789abcdef"
        append(digits.utf8Start[Int(byte >> 4)])
        append(digits.utf8Start[Int(byte & 15)])
    }
}
