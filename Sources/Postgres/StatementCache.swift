/// Which statements are prepared on the server, under which names and parameter types: a bounded, least recently used
/// cache that knows no server.
package struct StatementCache: Sendable {
    /// What to do with a statement before it is executed.
    package enum Plan: Equatable, Sendable {
        /// It is prepared under this name.
        case execute(name: String)
        /// Prepare it under this name with these types.
        case prepare(name: String, types: [UInt32])
    }

    private struct Entry {
        var name: String
        var types: [UInt32]
        var lastUse: UInt64
    }

    /// A statement's text, equal to another by its bytes: to String, texts that differ in how an é is composed are equal,
    /// and one would run in the place of the other.
    private struct Statement: Hashable {
        let sql: String

        static func == (left: Statement, right: Statement) -> Bool { left.sql.utf8.elementsEqual(right.sql.utf8) }

        func hash(into hasher: inout Hasher) {
            var sql = sql
            sql.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }

    private let limit: Int
    private var entries: [Statement: Entry] = [:]
    private var clock: UInt64 = 0
    /// Names that no entry refers to any more but that still exist on the server.
    package private(set) var abandonedNames: [String] = []

    package init(limit: Int) {
        self.limit = max(1, limit)
    }

    package var count: Int { entries.count }

    /// The name under which the statement is prepared, if it is, with fitting types.
    ///
    /// A type of 0 (NULL, or left to the server) fits whatever type is known from before, so a column that is sometimes
    /// NULL does not cause two plans.
    package mutating func name(of sql: String, types: [UInt32]) -> String? {
        clock += 1
        guard let entry = entries[Statement(sql: sql)], Self.fits(types, entry.types) else { return nil }
        entries[Statement(sql: sql)]?.lastUse = clock
        return entry.name
    }

    /// Looks the statement up, and assumes that the caller prepares it when told to; otherwise `forget` must follow.
    package mutating func plan(_ sql: String, types: [UInt32]) -> Plan {
        if let name = name(of: sql, types: types) { return .execute(name: name) }
        var wanted = types
        if let entry = entries[Statement(sql: sql)] {
            abandonedNames.append(entry.name)
            for (index, type) in types.enumerated()
            where type == TypeOID.unspecified && index < entry.types.count {
                wanted[index] = entry.types[index]
            }
        } else if entries.count >= limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            abandonedNames.append(oldest.value.name)
            entries[oldest.key] = nil
        }
        let name = "refold_\(clock)"
        entries[Statement(sql: sql)] = Entry(name: name, types: wanted, lastUse: clock)
        return .prepare(name: name, types: wanted)
    }

    /// Drops the statement if it is known under this name. `isOnServer` says that the name must be deallocated.
    package mutating func forget(_ sql: String, name: String, isOnServer: Bool) {
        if entries[Statement(sql: sql)]?.name == name { entries[Statement(sql: sql)] = nil }
        if isOnServer { abandonedNames.append(name) }
    }

    /// Takes the names that should be deallocated with the next statement.
    package mutating func takeAbandonedNames() -> [String] {
        defer { abandonedNames.removeAll() }
        return abandonedNames
    }

    /// Puts back names whose deallocation did not happen.
    package mutating func restoreAbandonedNames(_ names: [String]) {
        abandonedNames += names
    }

    private static func fits(_ types: [UInt32], _ known: [UInt32]) -> Bool {
        guard types.count == known.count else { return false }
        for index in types.indices where types[index] != known[index] && types[index] != TypeOID.unspecified {
            return false
        }
        return true
    }

    /// Whether preparing pays: statements that read or change rows are repeated, DDL and SET are not.
    package static func isWorthPreparing(_ sql: String) -> Bool {
        begins(sql, with: ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "VALUES"])
    }

    /// Whether a transaction begins with the statement.
    static func beginsTransaction(_ sql: String) -> Bool { begins(sql, with: ["BEGIN", "START"]) }

    /// Whether a transaction ends with the statement. ROLLBACK TO does not end it, and settings that are sent once more
    /// than needed do no harm.
    static func endsTransaction(_ sql: String) -> Bool { begins(sql, with: ["COMMIT", "END", "ROLLBACK", "ABORT"]) }

    private static func begins(_ sql: String, with keywords: [String]) -> Bool {
        var text = sql.utf8[...]
        while let byte = text.first, byte == 0x20 || (0x09...0x0D).contains(byte) || byte == UInt8(ascii: "(") {
            text.removeFirst()
        }
        let word = text.prefix { byte in (0x41...0x5A).contains(byte & 0xDF) }
        return keywords.contains { keyword in
            word.count == keyword.utf8.count && zip(word, keyword.utf8).allSatisfy { $0 & 0xDF == $1 }
        }
    }
}
