internal import Postgres
internal import Refold

/// A generation in the list of all, as `GenerationStore.listed()` reads it.
struct ListedGeneration: Sendable {
    let number: GenerationNumber
    let projection: ProjectionName
    let role: GenerationStatus.Role
    let version: Int
    let identity: String
    let phase: GenerationPhase
    let position: GlobalPosition
    let bytes: Int64
    let createdAt: Timestamp
    let pointedAt: Timestamp?

    init(_ row: PostgresRow) throws {
        number = GenerationNumber(try row.int64("generation"))
        projection = try ProjectionName(row.text("projection"))
        role = GenerationStatus.Role(rawValue: try row.text("role")) ?? .retired
        version = Int(try row.int32("version"))
        identity = try row.text("identity")
        phase = try GenerationPhase(stored: row.text("phase"))
        position = GlobalPosition(try row.int64("position"))
        bytes = try row.int64("bytes")
        createdAt = Timestamp(microseconds: try row.timestamp("created_at"))
        pointedAt = try row.optionalTimestamp("pointed_at").map(Timestamp.init(microseconds:))
    }
}
