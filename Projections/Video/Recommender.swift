import Refold

/// Which videos to recommend, from what viewers of the same videos watched.
///
/// Item-based co-occurrence (Linden, Smith, York, "Amazon.com Recommendations: Item-to-Item Collaborative Filtering",
/// IEEE Internet Computing 7(1), 2003), with plain counts: a video scores the number of times that viewers of the user's
/// videos watched it, too. Ties are broken by popularity, then by id. What places are left go to the popular videos, so
/// a newcomer gets those.
enum Recommender {
    /// Names this definition; part of `recommendation.updated`.
    static let version: Text = "co-views-1"
    /// How many videos are recommended at most.
    static let mostRecommendations = 10

    /// The videos to recommend, the best first.
    ///
    /// - Parameters:
    ///   - watched: what the user watched, which is never recommended.
    ///   - companions: for each video that counts, what its viewers watched as well.
    ///   - popular: the popular videos with the number of their viewers; others count as having none.
    static func recommend(
        watched: [Text],
        companions: [CountedVideos],
        popular: CountedVideos
    ) -> [Text] {
        let watched = Set(watched)
        let viewers = Dictionary(uniqueKeysWithValues: zip(popular.videos, popular.counts))
        var scores: [Text: Int64] = [:]
        for companions in companions {
            for (video, count) in zip(companions.videos, companions.counts) where !watched.contains(video) {
                scores[video, default: 0] += count
            }
        }
        // Popular videos that no viewer of the same videos watched have no score and come last, by popularity.
        for video in popular.videos where !watched.contains(video) { scores[video, default: 0] += 0 }
        let ranked = scores.map { (score: $0.value, viewers: viewers[$0.key] ?? 0, video: $0.key) }
            .sorted { ($0.score, $0.viewers, $1.video) > ($1.score, $1.viewers, $0.video) }
        return ranked.prefix(mostRecommendations).map(\.video)
    }
}
