/// What changes a generation's keys, each in one step that no reader sees half done. The texts are in `Scripts/`.
///
/// Every script that writes data first compares the owner's key with the writer's fencing value. Keys of rows and groups
/// are made from the generation's base, the first argument: they depend on the data, and there is one server, no cluster.
/// Answers are lists whose first element says what happened: `ok`; `unowned` when the owner's key is gone; `fenced` with
/// the fencing value of another owner; `odd` with the keys that were of another type and have been removed, when nothing
/// else was done.
///
/// No call runs for long, however much there is: what grows with the data is done a piece at a time.
enum CacheScript: Int, CaseIterable, Sendable {
    case adopt, age, count, drop, empty, fill, finish, flip, keep, renew, replace, retire, sweep, unpoint, write
    /// As `write`, for a projection with a ranking by time.
    case writeTimes

    /// The Lua text: the functions that the script needs, then its own lines.
    var source: String {
        let texts: [[UInt8]] =
            switch self {
            case .adopt: [PackageResources.types_lua, PackageResources.adopt_lua]
            case .age: Self.fenced + [PackageResources.age_lua]
            case .count: [PackageResources.count_lua]
            case .drop: [PackageResources.types_lua, PackageResources.drop_lua]
            case .empty: Self.fenced + [PackageResources.empty_lua]
            case .fill: Self.fenced + [PackageResources.fill_lua]
            case .finish: Self.fenced + [PackageResources.finish_lua]
            case .flip: [PackageResources.types_lua, PackageResources.older_lua, PackageResources.flip_lua]
            case .keep: [PackageResources.types_lua, PackageResources.keep_lua]
            case .renew: Self.fenced + [PackageResources.renew_lua]
            case .replace: Self.fenced + [PackageResources.replace_lua]
            case .retire: [PackageResources.types_lua, PackageResources.retire_lua]
            case .sweep: Self.fenced + [PackageResources.sweep_lua]
            case .unpoint: [PackageResources.unpoint_lua]
            case .write: Self.writing(PackageResources.best_lua)
            case .writeTimes: Self.writing(PackageResources.times_lua)
            }
        return String(decoding: texts.joined(), as: UTF8.self)
    }

    /// What begins a script that only the generation's owner may run.
    private static let fenced = [PackageResources.types_lua, PackageResources.fence_lua]

    /// The script that writes changed rows, with a kind of ranking.
    private static func writing(_ ranking: [UInt8]) -> [[UInt8]] {
        fenced + [
            PackageResources.older_lua, PackageResources.ranking_lua, ranking, PackageResources.write_lua,
        ]
    }
}
