import Refold

extension ProjectionSetting {
    /// `projections.trending_score.half-life`: after this time a view counts half, in both projections that have
    /// scores.
    static func halfLife(_ time: Duration) -> ProjectionSetting {
        ProjectionSetting(
            "half-life",
            .duration(time, in: .seconds(1)...(.days(36_500))),
            of: "trending_score",
            changesFold: true
        )
    }
}
