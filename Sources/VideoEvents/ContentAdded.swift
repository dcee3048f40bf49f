public import Refold

/// The payload of `content.added`: a title joined the catalogue.
///
/// Each property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct ContentAdded: Sendable {
    public let payload: Payload

    public init(_ payload: Payload) {
        self.payload = payload
    }

    public var contentID: Text {
        get throws(EventRefusal) { try payload.text(Self.contentIDField) }
    }

    public var title: Text {
        get throws(EventRefusal) { try payload.text(Self.titleField) }
    }

    public var genre: Text {
        get throws(EventRefusal) { try payload.text(Self.genreField) }
    }

    private static let contentIDField: FieldName = "content_id"
    private static let titleField: FieldName = "title"
    private static let genreField: FieldName = "genre"
}
