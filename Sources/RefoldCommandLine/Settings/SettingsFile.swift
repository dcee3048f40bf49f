internal import Configuration
internal import Glibc
internal import Synchronization

/// The configuration file.
struct SettingsFile {
    let path: String
    /// Nil for a file that says nothing.
    let snapshot: YAMLSnapshot?
    /// Every key in it, dotted.
    let keys: [String]

    /// The file to read: the one that is named, else the one `REFOLD_CONFIG` names, else the first that exists.
    static func find(named name: String?, environment: [String: String], places: [String]) throws -> SettingsFile? {
        if let name { return try SettingsFile(name) }
        if let name = environment["REFOLD_CONFIG"], !name.isEmpty { return try SettingsFile(name) }
        return try places.first { access($0, F_OK) == 0 }.map { try SettingsFile($0) }
    }

    init(_ path: String) throws {
        self.path = path
        let bytes = try Self.read(path)
        let found = Mutex<[String]>([])
        // The parser asks for each key whether its value is secret: the only way to learn all keys.
        let options = YAMLSnapshot.ParsingOptions(
            secretsSpecifier: .dynamic { key, _ in
                found.withLock { $0.append(key) }
                return true
            }
        )
        guard Self.saysAnything(bytes) else {
            (snapshot, keys) = (nil, [])
            return
        }
        do {
            snapshot = try YAMLSnapshot(data: bytes.span.bytes, providerName: path, parsingOptions: options)
        } catch {
            // What follows the first line of a parser's message is an excerpt, which may hold a password.
            let reason = "\(error)".split(separator: "\n").first ?? ""
            throw SettingError("\(path) is not usable YAML: \(reason)", remedy: "correct the file")
        }
        keys = found.withLock { $0 }.sorted()
    }

    /// Whether there is more than comments and white space.
    private static func saysAnything(_ bytes: [UInt8]) -> Bool {
        bytes.split(separator: UInt8(ascii: "\n")).contains { line in
            let text = line.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
            return !text.isEmpty && text.first != UInt8(ascii: "#") && !text.starts(with: Array("---".utf8))
        }
    }

    /// More than any settings need; what is longer is another file, or has no end.
    private static let longest = 1 << 20

    private static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "rb") else { throw unreadable(path, errno) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&piece, 1, piece.count, file), count > 0 {
            bytes += piece.prefix(count)
            guard bytes.count <= longest else {
                throw SettingError(
                    "the configuration file \(path) has more than 1 MiB",
                    remedy: "correct --config or REFOLD_CONFIG"
                )
            }
        }
        guard ferror(file) == 0 else { throw unreadable(path, errno) }
        return bytes
    }

    private static func unreadable(_ path: String, _ code: Int32) -> SettingError {
        SettingError(
            "the configuration file \(path) cannot be read: \(String(cString: strerror(code)))",
            remedy: "correct --config or REFOLD_CONFIG"
        )
    }
}
