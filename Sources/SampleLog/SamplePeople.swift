internal import Refold

/// The users and contents of a log: a function of the seed and of the two counts.
///
/// After the ordinary ones come a few whose ids real systems have produced and which make poor keys, paths and
/// patterns. They are reached by the index `users + n` or `contents + n`.
struct SamplePeople: Sendable {
    static let oddUsers = ["O'Brien \"the first\"", "", "käthe:1", "row:*?[x]"]
    static let oddContents = [
        "top", "genre:drama", "", "it's \"quoted\"", "back\\slash", "長い夜/🎬", "live", " leading space",
    ]
    static let genres = [
        "drama", "comedy", "documentary", "thriller", "science fiction", "romance", "horror", "animation", "crime",
        "fantasy", "família", "драма",
    ]

    private static let givenNames = [
        "Anna", "Bruno", "Chloé", "Dmitri", "Elif", "Fatima", "George", "Hana", "Ingrid", "José", "Kwame", "Léa",
        "Minh", "Nadia", "Oğuz", "Priya", "Quentin", "Rosa", "Søren", "Tomoko", "Ursula", "Václav", "Wei", "Ximena",
        "Yusuf", "Zoë", "Ольга", "太郎", "محمد", "Σοφία",
    ]
    private static let familyNames = [
        "Adams", "Bernard", "Çelik", "D'Angelo", "Eriksson", "Fernández", "García", "Haddad", "Ivanova", "Jansen",
        "Kowalski", "Li", "Müller", "Nguyễn", "O'Connor", "Park", "Quist", "Rossi", "Šimić", "Tanaka", "Usman",
        "Vogel", "Weiß", "Xu", "Young", "Zhang", "山田", "Петров",
    ]
    private static let adjectives = [
        "Silent", "Golden", "Broken", "Endless", "Hidden", "Crimson", "Last", "Distant", "Burning", "Frozen",
        "Paper", "Midnight", "Forgotten", "Electric", "Amélie's", "Крайний", "Große", "夜の",
    ]
    private static let nouns = [
        "River", "Empire", "Garden", "Signal", "Winter", "Harbour", "Letters", "Machine", "Orchard", "Horizon",
        "Kitchen", "Detectives", "Voyage", "Café", "Берег", "Straße", "旅", "\"Quotation\"",
    ]

    let seed: UInt64
    let users: Int
    let contents: Int
    /// What the ids of sessions follow from: a log's own, since each log has other sessions.
    private let sessionSalt: UInt64
    /// Per content the payload's `"content_id":…`, `,"genre":…` (may be empty) and `,"title":…` (may be empty).
    let cards: [ContentCard]

    struct ContentCard: Sendable {
        let id: [UInt8]
        let genre: [UInt8]
        let title: [UInt8]
        /// `,"title":…,"genre":…`, both always there: a content that is added has both.
        let added: [UInt8]
    }

    init(seed: UInt64, users: Int, contents: Int, sessionSalt: UInt64) {
        self.seed = seed
        self.sessionSalt = sessionSalt
        self.users = users
        self.contents = contents
        cards = (0..<contents + Self.oddContents.count).map { index in
            var random = SplitMix64(seed: SplitMix64.mix(seed &+ 0x6361_7264 &+ UInt64(index)))
            var id: [UInt8] = []
            if index < contents {
                id.append(0x22)
                id.append(id: SampleID(.content, UInt64(index), seed: seed))
                id.append(0x22)
            } else {
                id.appendJSON(text: Self.oddContents[index - contents])
            }
            let name = Self.adjectives[random.below(18)] + " " + Self.nouns[random.below(18)]
            var genre: [UInt8] = []
            genre.append(",\"genre\":")
            genre.appendJSON(text: Self.genres[random.below(Self.genres.count)])
            var title: [UInt8] = []
            title.append(",\"title\":")
            title.appendJSON(text: random.oneIn(3) ? "\(name) \(random.below(8) + 2)" : name)
            return ContentCard(
                id: id,
                genre: random.oneIn(20) ? [] : genre,
                title: random.oneIn(12) ? [] : title,
                added: title + genre
            )
        }
    }

    /// Appends the user's id as a JSON string.
    func append(user index: Int, to bytes: inout [UInt8]) {
        if index < users {
            bytes.append(0x22)
            bytes.append(id: SampleID(.user, UInt64(index), seed: seed))
            bytes.append(0x22)
        } else {
            bytes.appendJSON(text: Self.oddUsers[index - users])
        }
    }

    /// Appends the user's `"email":…,"name":…`.
    func append(personalDataOf index: Int, to bytes: inout [UInt8]) {
        let bits = SplitMix64.mix(seed &+ 0x6E61_6D65 &+ UInt64(index))
        let given = Self.givenNames[Int(bits & 0xFFFF) % Self.givenNames.count]
        let family = Self.familyNames[Int(bits >> 16 & 0xFFFF) % Self.familyNames.count]
        bytes.append("\"email\":\"user")
        bytes.appendDecimal(Int64(index))
        bytes.append(bits >> 60 == 0 ? "@post.bücher.example\"" : "@example.com\"")
        bytes.append(",\"name\":")
        bytes.appendJSON(text: given + " " + family)
    }

    /// Appends the stream's name as the store has it.
    func append(nameOf stream: SampleStream, to bytes: inout [UInt8]) {
        switch stream {
        case .user(let index):
            bytes.append("user-")
            if index < users {
                bytes.append(id: SampleID(.user, UInt64(index), seed: seed))
            } else {
                bytes.append(contentsOf: Self.oddUsers[index - users].utf8)
            }
        case .content(let index):
            bytes.append("content-")
            if index < contents {
                bytes.append(id: SampleID(.content, UInt64(index), seed: seed))
            } else {
                bytes.append(contentsOf: Self.oddContents[index - contents].utf8)
            }
        case .session(let index):
            bytes.append("session-")
            bytes.append(id: id(ofSession: index))
        }
    }

    /// The id of a viewing session.
    func id(ofSession index: Int) -> SampleID { SampleID(.session, UInt64(index), seed: sessionSalt) }

    /// The stream's name as the store has it.
    func name(of stream: SampleStream) -> String {
        var bytes: [UInt8] = []
        append(nameOf: stream, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
