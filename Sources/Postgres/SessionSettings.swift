/// What a session sets for itself, once or, behind a pooler, for each transaction.
struct SessionSettings: Sendable {
    /// In the order of their names.
    private(set) var entries: [(name: String, value: String)]
    /// `SET LOCAL …; ` for each, to stand before statements of the simple protocol. Takes no snapshot, so that a BEGIN
    /// behind it may still choose the isolation level. In a string of several statements it holds to the end of the
    /// string's implicit transaction, or of the one that a BEGIN in it makes of that.
    private(set) var localScript = ""
    /// The same as one statement, for a pipeline; nil without settings.
    private(set) var localStatement: PostgresStatement?

    /// - Parameter isPooled: whether the session is a pooler's, where the settings for the socket and for waiting
    ///   between transactions are the pooler's business.
    init(_ options: PostgresOptions, serverVersion: Int, isPooled: Bool) {
        entries = options.settings.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        entries.removeAll { entry in
            (PostgresOptions.optionalSettings[entry.name] ?? 0) > serverVersion
                || isPooled && PostgresOptions.settingsOfSessions.contains(entry.name)
        }
        prepare()
    }

    /// `SET SESSION …` for each.
    var sessionScript: String { entries.map { Self.set("SESSION", $0) }.joined(separator: "; ") }

    /// Omits a setting from now on.
    mutating func remove(_ name: String) {
        entries.removeAll { $0.name == name }
        prepare()
    }

    private mutating func prepare() {
        localScript = entries.map { Self.set("LOCAL", $0) + "; " }.joined()
        let calls = entries.map { "set_config(\(quoteLiteral($0.name)), \(quoteLiteral($0.value)), true)" }
        localStatement = calls.isEmpty ? nil : PostgresStatement("SELECT " + calls.joined(separator: ", "))
    }

    static func set(_ scope: String, _ entry: (name: String, value: String)) -> String {
        let parts = entry.name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let name = parts.map { quoteIdentifier(String(decoding: $0, as: UTF8.self)) }.joined(separator: ".")
        return "SET \(scope) \(name) = \(quoteLiteral(entry.value))"
    }
}
