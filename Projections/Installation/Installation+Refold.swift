import BankingDomain
import BankingProjections
import Refold
public import RefoldCommandLine
import VideoDomain
import VideoProjections

extension Installation {
    /// What this project's `refold` runs: the two sample domains. Adding a projection or an aggregate is a line here.
    public static let refold = Installation(
        projections: [
            UserProfiles(),
            ContentPopularity(),
            TrendingScore(),
            ViewingSessions(),
            AudienceByMinute(),
            PersonalProfiles(),
            AccountBalances(),
            DailyTotals(),
        ],
        aggregates: [
            User.self,
            Content.self,
            ViewingSession.self,
            BankAccount.self,
        ],
        upcasters: Upcasters(Upcaster.banking),
        commands: [GenerateCommand.self, AudienceCommand.self]
    )
}
