import BankingDomain
import BankingProjections
public import Refold
import VideoProjections

/// The projections that the command line runs, and what they read older events through. Adding one is a line here.
public enum AllProjections {
    /// All of them.
    ///
    /// - Parameter halfLife: the half-life of trending scores.
    public static func list(halfLife: Duration) -> [any Projection] {
        [
            UserProfiles(),
            ContentPopularity(halfLife: halfLife),
            TrendingScore(halfLife: halfLife),
            AccountBalances(),
            DailyTotals(),
        ]
    }

    /// How payloads of older versions become the current ones.
    public static let upcasters = Upcasters(Upcaster.banking)
}
