public import Aggregates

/// A title of the catalogue: added once, then watched and rated.
public struct Content: Aggregate {
    /// Its streams are `content-<id>`.
    public static let category = "content"
    /// The version of its snapshots.
    public static let schemaVersion = 1

    /// The title's id.
    public let id: String
    /// The title as it is shown; nil before it was added.
    public private(set) var title: String?
    /// The genre; empty before it was added.
    public private(set) var genre = ""
    /// How often it was watched.
    public private(set) var views = 0
    /// How often it was rated.
    public private(set) var ratings = 0

    /// The title with that id, before anything happened.
    public init(id: String) {
        self.id = id
    }

    /// Whether it is in the catalogue.
    public var isAdded: Bool { title != nil }

    // MARK: Decisions

    /// Adds it to the catalogue.
    ///
    /// - Throws: `alreadyAdded`.
    public func add(title: String, genre: String) throws(ContentError) -> [ContentEvent] {
        guard !isAdded else { throw .alreadyAdded(content: id) }
        return [.added(contentID: id, title: title, genre: genre)]
    }

    /// A user watches some of it.
    ///
    /// - Parameters:
    ///   - seconds: how long, from 0 to 10⁹.
    ///   - completion: how much of it, in percent from 0 to 100.
    /// - Throws: `notAdded`, `outOfRange`.
    public func watch(by userID: String, seconds: Int64, completion: Double) throws(ContentError) -> [ContentEvent] {
        guard let title else { throw .notAdded(content: id) }
        guard ContentWatched.watchDurations.contains(seconds) else {
            throw .outOfRange(field: "watch_duration_seconds", found: "\(seconds)")
        }
        guard ContentWatched.completionPercentages.contains(completion) else {
            throw .outOfRange(field: "completion_percentage", found: "\(completion)")
        }
        return [
            .watched(
                userID: userID,
                contentID: id,
                seconds: seconds,
                completion: completion,
                genre: genre,
                title: title
            )
        ]
    }

    /// A user rates it.
    ///
    /// - Parameter rating: from 1 to 5, whole or fractional.
    /// - Throws: `notAdded`, `outOfRange`.
    public func rate(by userID: String, _ rating: Double) throws(ContentError) -> [ContentEvent] {
        guard isAdded else { throw .notAdded(content: id) }
        guard ContentRated.ratings.contains(rating) else {
            throw .outOfRange(field: "rating", found: "\(rating)")
        }
        return [.rated(userID: userID, contentID: id, rating: rating)]
    }

    // MARK: What happened

    /// Takes in what happened.
    public mutating func apply(_ event: ContentEvent) {
        switch event {
        case .added(_, let title, let genre):
            self.title = title
            self.genre = genre
        case .watched: views += 1
        case .rated: ratings += 1
        }
    }
}

/// Why a decision about a title is refused.
public enum ContentError: Error, Hashable, CustomStringConvertible {
    /// It is in the catalogue.
    case alreadyAdded(content: String)
    /// It is not in the catalogue.
    case notAdded(content: String)
    /// A number lies outside of what the field may be.
    case outOfRange(field: String, found: String)

    /// The reason in one clause.
    public var description: String {
        switch self {
        case .alreadyAdded(let content): "content \(content) was added already"
        case .notAdded(let content): "content \(content) was never added"
        case .outOfRange(let field, let found): "\(field) is out of range: \(found)"
        }
    }
}
