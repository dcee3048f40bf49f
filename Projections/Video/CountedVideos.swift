import Refold

/// A bounded list of videos with a count each.
struct CountedVideos {
    /// The videos, in the order in which their places were taken.
    private(set) var videos: [Text]
    /// The count of the video at the same place.
    private(set) var counts: [Int64]

    /// A list as two columns hold it.
    init(_ videos: [Text] = [], _ counts: [Int64] = []) {
        self.videos = videos
        self.counts = counts
    }

    /// Counts a video once more.
    ///
    /// In a full list a new video takes the place of the one with the least count, of several the last by its id, and
    /// its count is one more than that: "Space-Saving" of Metwally, Agrawal and El Abbadi ("Efficient Computation of
    /// Frequent and Top-k Elements in Data Streams", ICDT 2005). Counts only grow; a video counted more often than one
    /// in so many of all times is always there; no count is too high by more than the least one.
    ///
    /// - Parameter limit: the most videos that the list may hold.
    mutating func count(_ video: Text, limit: Int) {
        if let place = videos.firstIndex(of: video) {
            counts[place] += 1
        } else if videos.count < limit {
            videos.append(video)
            counts.append(1)
        } else if let place = leastPlace {
            videos[place] = video
            counts[place] += 1
        }
    }

    /// Notes the exact count of a video, which is one more than before; of all videos the list then holds those with
    /// the greatest counts, of equal ones the first by their ids.
    mutating func note(_ video: Text, count: Int64, limit: Int) {
        if let place = videos.firstIndex(of: video) {
            counts[place] = count
        } else if videos.count < limit {
            videos.append(video)
            counts.append(count)
        } else if let place = leastPlace, (count, videos[place]) > (counts[place], video) {
            videos[place] = video
            counts[place] = count
        }
    }

    /// The place of the least count, of several that of the last video by its id.
    private var leastPlace: Int? {
        videos.indices.min { (counts[$0], videos[$1]) < (counts[$1], videos[$0]) }
    }
}
