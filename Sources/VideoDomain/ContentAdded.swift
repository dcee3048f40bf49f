public import Refold

/// The payload of `content.added`: a title joined the catalogue.
///
/// Each property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct ContentAdded: Sendable {
    /// Where the properties read.
    public let payload: Payload

    /// Reads nothing yet.
    public init(_ payload: Payload) {
        self.payload = payload
    }

    /// The title, by its id.
    public var contentID: Text {
        get throws(EventRefusal) { try payload.text(Self.contentIDField) }
    }

    /// The title as it is shown; the empty text is a title.
    public var title: Text {
        get throws(EventRefusal) { try payload.text(Self.titleField) }
    }

    /// The genre; the empty text is a genre.
    public var genre: Text {
        get throws(EventRefusal) { try payload.text(Self.genreField) }
    }

    private static let contentIDField: FieldName = "content_id"
    private static let titleField: FieldName = "title"
    private static let genreField: FieldName = "genre"
}
