import ContentPopularity
public import Refold
import TrendingScore
import UserProfiles

/// The projections that the command line runs. Adding one is a line here.
public enum AllProjections {
    /// All of them.
    ///
    /// - Parameter halfLife: the half-life of trending scores.
    public static func list(halfLife: Duration) -> [any Projection] {
        [
            UserProfiles(),
            ContentPopularity(halfLife: halfLife),
            TrendingScore(halfLife: halfLife),
        ]
    }
}
