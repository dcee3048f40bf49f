import Refold
import Testing
import VideoDomain

@Suite("The sample domain's payloads")
struct VideoEventsTests {
    private func payload(_ type: EventType, _ json: String) -> Payload {
        Event(type: type, payload: json).payload
    }

    @Test("A watch is read, with the optional fields and without")
    func watched() throws {
        let full = ContentWatched(
            payload(
                .contentWatched,
                """
                {"user_id":"u","content_id":"c","watch_duration_seconds":3.6e3,"completion_percentage":99.5,
                "genre":"drama","title":"","unknown":[1,{}]}
                """
            )
        )
        #expect(try full.userID == "u")
        #expect(try full.contentID == "c")
        #expect(try full.watchDuration == 3600)
        #expect(try full.completionPercentage == 99.5)
        #expect(try full.genre == "drama")
        #expect(try full.title == "")

        let bare = ContentWatched(payload(.contentWatched, #"{"genre":null}"#))
        #expect(try bare.genre == nil)
        #expect(try bare.title == nil)
        #expect(throws: EventRefusal.self) { try bare.userID }
        #expect(ContentWatched.defaultGenre == "unknown")
    }

    @Test("A field that nobody reads refuses nothing")
    func lazy() throws {
        let watched = ContentWatched(
            payload(.contentWatched, #"{"content_id":"c","user_id":"\ud800","watch_duration_seconds":"long"}"#)
        )
        #expect(try watched.contentID == "c")
        #expect(throws: EventRefusal.self) { try watched.userID }
        #expect(throws: EventRefusal.self) { try watched.watchDuration }
    }

    @Test("The bounds of durations, percentages and ratings are within", arguments: [0, 1_000_000_000])
    func boundsOfDurations(duration: Int64) throws {
        let watched = ContentWatched(payload(.contentWatched, #"{"watch_duration_seconds":\#(duration)}"#))
        #expect(try watched.watchDuration == duration)
    }

    @Test("Numbers out of range are refused by name")
    func outOfRange() {
        for duration in ["-1", "1000000001", "0.5", "1e400", "null", "\"60\""] {
            let watched = ContentWatched(payload(.contentWatched, #"{"watch_duration_seconds":\#(duration)}"#))
            let refusal = #expect(throws: EventRefusal.self) { try watched.watchDuration }
            #expect(refusal?.field == "watch_duration_seconds")
        }
        for percentage in ["-0.0001", "100.0001", "-1e400", "true"] {
            let watched = ContentWatched(payload(.contentWatched, #"{"completion_percentage":\#(percentage)}"#))
            #expect(throws: EventRefusal.self) { try watched.completionPercentage }
        }
        for rating in ["0", "0.999", "5.1", "[]"] {
            let rated = ContentRated(payload(.contentRated, #"{"rating":\#(rating)}"#))
            #expect(throws: EventRefusal.self) { try rated.rating }
        }
    }

    @Test("Percentages and ratings may be whole, fractional and at their bounds")
    func withinRange() throws {
        for (text, percentage) in [("0", 0.0), ("-0.0", 0), ("100", 100), ("1e2", 100), ("33.25", 33.25)] {
            let watched = ContentWatched(payload(.contentWatched, #"{"completion_percentage":\#(text)}"#))
            #expect(try watched.completionPercentage == percentage)
        }
        for (text, rating) in [("1", 1.0), ("5.0", 5), ("4.5", 4.5)] {
            let rated = ContentRated(payload(.contentRated, #"{"rating":\#(text),"user_id":"u","content_id":"c"}"#))
            #expect(try rated.rating == rating)
            #expect(try rated.userID == "u")
            #expect(try rated.contentID == "c")
        }
    }

    @Test("What users do is read")
    func users() throws {
        let registered = UserRegistered(
            payload(
                .userRegistered,
                """
                {"user_id":"u","email":"zoë@example.org","name":"Zoë 🎬","initial_preferences":["drama","drama","sci-fi"],
                "registration_timestamp":"2024-03-01T12:30:00.25+02:00"}
                """
            )
        )
        #expect(try registered.userID == "u")
        #expect(try registered.email == "zoë@example.org")
        #expect(try registered.name == "Zoë 🎬")
        #expect(try registered.initialPreferences == ["drama", "drama", "sci-fi"])
        #expect(try registered.registrationTimestamp == Timestamp("2024-03-01T10:30:00.25Z"))

        let subscribed = UserSubscribed(
            payload(
                .userSubscribed,
                #"{"user_id":"u","plan":"free","payment_method":"card","subscription_timestamp":"2024-03-01T00:00:00Z"}"#
            )
        )
        #expect(try subscribed.userID == "u")
        #expect(try subscribed.plan == UserSubscribed.freePlan)
        #expect(try subscribed.paymentMethod == "card")
        #expect(try subscribed.subscriptionTimestamp == Timestamp("2024-03-01T00:00:00Z"))

        let updated = PreferencesUpdated(
            payload(
                .preferencesUpdated,
                #"{"user_id":"u","old_preferences":[],"new_preferences":["a"],"update_timestamp":"2024-03-01T00:00:00Z"}"#
            )
        )
        #expect(try updated.userID == "u")
        #expect(try updated.oldPreferences == [])
        #expect(try updated.newPreferences == ["a"])
        #expect(try updated.updateTimestamp == Timestamp("2024-03-01T00:00:00Z"))
    }

    @Test("A title that joins the catalogue needs its title and genre")
    func added() throws {
        let added = ContentAdded(payload(.contentAdded, #"{"content_id":"c","title":"T","genre":"g"}"#))
        #expect(try added.contentID == "c")
        #expect(try added.title == "T")
        #expect(try added.genre == "g")
        let untitled = ContentAdded(payload(.contentAdded, #"{"content_id":"c","genre":null}"#))
        #expect(throws: EventRefusal.self) { try untitled.title }
        #expect(throws: EventRefusal.self) { try untitled.genre }
    }

    @Test("The event types have the names that stores have")
    func names() {
        let types: [EventType] = [
            .userRegistered, .userSubscribed, .preferencesUpdated, .contentAdded, .contentWatched, .contentRated,
        ]
        #expect(
            types.map(\.name) == [
                "user.registered", "user.subscribed", "user.preferences_updated", "content.added", "content.watched",
                "content.rated",
            ]
        )
    }
}
