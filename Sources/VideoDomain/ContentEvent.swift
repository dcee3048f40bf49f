public import Aggregates
public import Refold

/// What happens to a title.
public enum ContentEvent: AggregateEvent, Hashable {
    /// `content.added`
    case added(contentID: String, title: String, genre: String)
    /// `content.watched`
    case watched(
        userID: String,
        contentID: String,
        seconds: Int64,
        completion: Double,
        genre: String?,
        title: String?
    )
    /// `content.rated`
    case rated(userID: String, contentID: String, rating: Double)

    /// The types of a title's events.
    public static let types: [EventType] = [.contentAdded, .contentWatched, .contentRated]

    /// Reads one of them; refuses an event of another type and a payload that lacks a field.
    public init(_ event: Event) throws(EventRefusal) {
        switch event.type {
        case .contentAdded:
            let added = ContentAdded(event.payload)
            self = .added(
                contentID: String(try added.contentID),
                title: String(try added.title),
                genre: String(try added.genre)
            )
        case .contentWatched:
            let watched = ContentWatched(event.payload)
            self = .watched(
                userID: String(try watched.userID),
                contentID: String(try watched.contentID),
                seconds: try watched.watchDuration,
                completion: try watched.completionPercentage,
                genre: try watched.genre.map { String($0) },
                title: try watched.title.map { String($0) }
            )
        case .contentRated:
            let rated = ContentRated(event.payload)
            self = .rated(
                userID: String(try rated.userID),
                contentID: String(try rated.contentID),
                rating: try rated.rating
            )
        default:
            throw EventRefusal("\(event.typeName) is no event of a title")
        }
    }

    /// Its type.
    public var type: EventType {
        switch self {
        case .added: .contentAdded
        case .watched: .contentWatched
        case .rated: .contentRated
        }
    }

    /// Its payload, with the fields that projections read.
    public var payload: JSON {
        switch self {
        case .added(let contentID, let title, let genre):
            return ["content_id": .text(contentID), "title": .text(title), "genre": .text(genre)]
        case .watched(let userID, let contentID, let seconds, let completion, let genre, let title):
            var payload: JSON.Object = [
                "user_id": .text(userID), "content_id": .text(contentID),
                "watch_duration_seconds": .integer(seconds), "completion_percentage": .number(completion),
            ]
            payload["genre"] = genre.map { .text($0) }
            payload["title"] = title.map { .text($0) }
            return .object(payload)
        case .rated(let userID, let contentID, let rating):
            return ["user_id": .text(userID), "content_id": .text(contentID), "rating": .number(rating)]
        }
    }
}
