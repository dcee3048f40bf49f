internal import Engine
internal import Redis
internal import Refold

/// The names of the keys of one projection, and of one of its generations.
///
/// | key | content |
/// |---|---|
/// | `<prefix>:<projection>:live` | number of the live generation; expires unless its owner renews it |
/// | `<prefix>:<projection>:revision` | the pointer's revision in PostgreSQL when `live` was set |
/// | `…:<g>:row:<key>` | a row: a JSON object |
/// | `…:<g>:top`, `…:<g>:<group column>:<value>` | the best keys by score, or by time the recent ones |
/// | `…:<g>:since` | the score above which a ranking by time has all keys; absent while it is being filled |
/// | `…:<g>:owner` | the fencing value of the process that may write |
/// | `…:<g>:crowded` | there were more groups than may have a set: no new one gets one before the next warming |
/// | `…:<g>:through` | all commits up to this position are in the cache; absent while it is being warmed |
/// | `…:<g>:hot` | the keys of the cached rows in the order that decides which of them go first |
/// | `…:<g>:stale` | while warming: keys that were cached before and have not been seen again |
/// | `…:<g>:groups`, `…:<g>:grouped` | the groups that have a set; the group of each key in such a set |
///
/// Rows and groups have a word and a colon of their own before what comes from the data, so that no content id can be
/// taken for another key.
struct CacheKeys: Sendable {
    let prefix: String
    let projection: ProjectionName

    var live: RedisArgument { .text("\(prefix):\(projection):live") }
    var revision: RedisArgument { .text("\(prefix):\(projection):revision") }

    /// What the keys of a generation begin with, before its number.
    var base: String { "\(prefix):\(projection):" }

    /// What the keys of a generation begin with.
    func base(_ generation: GenerationNumber) -> String { "\(base)\(generation):" }

    func key(_ generation: GenerationNumber, _ name: String) -> RedisArgument { .text(base(generation) + name) }

    func row(_ generation: GenerationNumber, _ key: String) -> RedisArgument { .text("\(base(generation))row:\(key)") }

    /// A pattern for all keys of the projection, whatever characters the prefix has.
    var pattern: RedisArgument {
        let special = Array("*?[]\\^-".utf8)
        let escaped = prefix.utf8.flatMap { special.contains($0) ? [UInt8(ascii: "\\"), $0] : [$0] }
        return .bytes(escaped + ":\(projection):*".utf8)
    }
}
