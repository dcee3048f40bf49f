/// Quotes one identifier for use in SQL text, doubling the quotes inside.
///
/// The only way an identifier enters a statement; values are always parameters. PostgreSQL cuts identifiers after 63
/// bytes. https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
public func quoteIdentifier(_ name: String) -> String {
    var quoted = "\""
    for scalar in name.unicodeScalars {
        if scalar == "\"" { quoted.unicodeScalars.append("\"") }
        quoted.unicodeScalars.append(scalar)
    }
    quoted.unicodeScalars.append("\"")
    return quoted
}

/// Quotes a schema-qualified name: `"schema"."name"`.
public func quoteIdentifier(_ schema: String, _ name: String) -> String {
    quoteIdentifier(schema) + "." + quoteIdentifier(name)
}

/// Quotes a string constant, for the few statements that take no parameters (SET, COPY, DDL).
///
/// Written with `E''` when it contains a backslash, so that it means the same whatever
/// `standard_conforming_strings` is.
public func quoteLiteral(_ text: String) -> String {
    var quoted = text.utf8.contains(UInt8(ascii: "\\")) ? "E'" : "'"
    for scalar in text.unicodeScalars {
        if scalar == "'" || scalar == "\\" { quoted.unicodeScalars.append(scalar) }
        quoted.unicodeScalars.append(scalar)
    }
    quoted.unicodeScalars.append("'")
    return quoted
}
