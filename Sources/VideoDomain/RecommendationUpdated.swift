public import Refold

/// The payload of `recommendation.updated`: a user gets other recommendations.
///
/// Each property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct RecommendationUpdated: Sendable {
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

    /// The videos to recommend, by their ids, the best first.
    public var recommendations: [Text] {
        get throws(EventRefusal) { try payload.texts(Self.recommendationsField) }
    }

    /// What computed them.
    public var modelVersion: Text {
        get throws(EventRefusal) { try payload.text(Self.modelVersionField) }
    }

    private static let userIDField: FieldName = "user_id"
    private static let recommendationsField: FieldName = "recommendations"
    private static let modelVersionField: FieldName = "model_version"
}
