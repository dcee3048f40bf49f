internal import Engine
internal import Logging
internal import Refold
internal import Synchronization

/// Warnings about the cache's content, given once rather than with every write.
final class CacheWarnings: Sendable {
    /// How much a writer of bad data can make it remember.
    private static let most = 1000

    private let logger: Logger
    private let said = Mutex<Set<[UInt8]>>([])

    init(logger: Logger) {
        self.logger = logger
    }

    private func once(_ text: [UInt8], _ body: () -> Void) {
        let isNew = said.withLock { $0.count < Self.most && $0.insert(text).inserted }
        if isNew { body() }
    }

    /// Keys of another type, or numbers in another spelling, were in the place of ours.
    func removed(_ keys: [[UInt8]]) {
        for key in keys {
            logger.warning(
                "a key that is not ours stood in the cache's place and was removed; nobody else may write there",
                metadata: ["key": "\(printable(key))"]
            )
        }
    }

    /// A ranking has more groups than it may have sets.
    func tooManyGroups(_ hotSet: HotSet, _ generation: GenerationNumber) {
        guard let ranking = hotSet.ranking else { return }
        once(Array("groups \(generation)".utf8)) {
            let setting = "projections.\(hotSet.projection).hot.ranking.groups"
            logger.warning(
                "there are more groups than have a sorted set: readers of the others have to use SQL, or raise \(setting)",
                metadata: [
                    "projection": "\(hotSet.projection)", "generation": "\(generation)", "limit": "\(ranking.groups)",
                ]
            )
        }
    }

    /// A row is larger than the server takes.
    func tooLarge(_ projection: ProjectionName, key: ArraySlice<UInt8>, size: Int, limit: Int) {
        once(Array("\(projection) ".utf8) + key) {
            logger.warning(
                "a row is too large for the cache: readers find it by SQL",
                metadata: [
                    "projection": "\(projection)", "key": "\(printable(Array(key.prefix(200))))", "bytes": "\(size)",
                    "limit": "\(limit)",
                ]
            )
        }
    }

    /// Keys have bytes from the data: a line of the log is one line.
    private func printable(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self).debugDescription
    }
}
