public import Refold

/// The payload of `content.rated`: a user rated a title.
///
/// Each property reads its field when it is asked for, and refuses a missing one, one of another type or one out of
/// range.
public struct ContentRated: Sendable {
    /// The ratings one can give, whole or fractional.
    public static let ratings: ClosedRange<Double> = 1...5

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

    /// The rating, within `ratings`.
    public var rating: Double {
        get throws(EventRefusal) { try payload.number(Self.ratingField, in: Self.ratings) }
    }

    private static let userIDField: FieldName = "user_id"
    private static let contentIDField: FieldName = "content_id"
    private static let ratingField: FieldName = "rating"
}
