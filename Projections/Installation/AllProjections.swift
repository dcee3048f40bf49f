import BankingDomain
import BankingProjections
public import Refold
import VideoProjections

/// The projections that the command line runs, and what they read older events through. Adding one is a line here.
public enum AllProjections {
    /// All of them, with their default settings.
    public static let list: [any Projection] = [
        UserProfiles(),
        ContentPopularity(),
        TrendingScore(),
        AccountBalances(),
        DailyTotals(),
    ]

    /// How payloads of older versions become the current ones.
    public static let upcasters = Upcasters(Upcaster.banking)
}
