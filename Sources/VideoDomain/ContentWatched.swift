public import Refold

/// The payload of `content.watched`: a user watched some of a title.
///
/// Each property reads its field when it is asked for, and refuses a missing one, one of another type or one out of
/// range.
public struct ContentWatched: Sendable {
    /// Used as the genre of a watch that names none, where a genre is needed.
    public static let defaultGenre: Text = "unknown"
    /// The seconds one watch can last.
    public static let watchDurations: ClosedRange<Int64> = 0...1_000_000_000
    /// The share of a title that one watch can complete, in percent.
    public static let completionPercentages: ClosedRange<Double> = 0...100

    /// Where the properties read.
    public let payload: Payload

    /// Reads nothing yet.
    public init(_ payload: Payload) {
        self.payload = payload
    }

    /// The user.
    public var userID: Text {
        get throws(EventRefusal) { try payload.text(Self.userIDField) }
    }

    /// The title, by its id.
    public var contentID: Text {
        get throws(EventRefusal) { try payload.text(Self.contentIDField) }
    }

    /// How long the user watched, in seconds, within `watchDurations`.
    public var watchDuration: Int64 {
        get throws(EventRefusal) { try payload.integer(Self.watchDurationField, in: Self.watchDurations) }
    }

    /// How much of the title the user saw, in percent, within `completionPercentages`.
    public var completionPercentage: Double {
        get throws(EventRefusal) { try payload.number(Self.completionField, in: Self.completionPercentages) }
    }

    /// The genre, or nil when the payload has none; the empty text is a genre.
    public var genre: Text? {
        get throws(EventRefusal) { try payload.optionalText(Self.genreField) }
    }

    /// The title, or nil when the payload has none; the empty text is a title.
    public var title: Text? {
        get throws(EventRefusal) { try payload.optionalText(Self.titleField) }
    }

    private static let userIDField: FieldName = "user_id"
    private static let contentIDField: FieldName = "content_id"
    private static let watchDurationField: FieldName = "watch_duration_seconds"
    private static let completionField: FieldName = "completion_percentage"
    private static let genreField: FieldName = "genre"
    private static let titleField: FieldName = "title"
}
