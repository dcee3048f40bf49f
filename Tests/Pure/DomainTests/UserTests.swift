import Aggregates
import Refold
import Testing
import VideoDomain

@Suite("Users")
struct UserTests {
    private let noon = Timestamp("2026-05-01T12:00:00Z") ?? .epoch
    private var registered: UserEvent {
        .registered(userID: "u", email: "u@example.org", name: "Ü", preferences: ["drama"], at: noon)
    }
    private var left: UserEvent { .deactivated(userID: "u", at: noon) }

    private func user(after events: UserEvent...) throws -> User {
        try User(id: "u", after: events)
    }

    @Test("A user registers once")
    func register() throws {
        let events = try user().register(email: "u@example.org", name: "Ü", preferences: ["drama"], at: noon)
        #expect(events == [registered])
        let user = try user(after: registered)
        #expect(user.isRegistered)
        #expect(user.plan == "free")
        #expect(user.preferences == ["drama"])
        #expect(throws: UserError.alreadyRegistered(user: "u")) { try user.register(email: "x", name: "", at: noon) }
    }

    @Test("Who left cannot register again")
    func registerAfterLeaving() throws {
        let user = try user(after: registered, left)
        #expect(throws: UserError.alreadyRegistered(user: "u")) { try user.register(email: "x", name: "", at: noon) }
    }

    @Test("An account needs an email")
    func needsEmail() throws {
        let user = try user()
        #expect(throws: UserError.empty(field: "email")) { try user.register(email: "", name: "U", at: noon) }
    }

    @Test("A registered user subscribes, and may change the plan")
    func subscribe() throws {
        let events = try user(after: registered).subscribe(to: "gold", paymentMethod: "card", at: noon)
        #expect(events == [.subscribed(userID: "u", plan: "gold", paymentMethod: "card", at: noon)])
        let user = try user(after: registered, events[0])
        #expect(user.plan == "gold")
        let again = try user.subscribe(to: "free", paymentMethod: "none", at: noon)
        #expect(try User(id: "u", after: [registered, events[0], again[0]]).plan == "free")
        #expect(throws: UserError.empty(field: "plan")) { try user.subscribe(to: "", paymentMethod: "", at: noon) }
    }

    @Test("Preferences are replaced, and the event says what they were")
    func preferences() throws {
        let events = try user(after: registered).updatePreferences(to: ["crime", "crime"], at: noon)
        #expect(events == [.preferencesUpdated(userID: "u", from: ["drama"], to: ["crime", "crime"], at: noon)])
        #expect(try user(after: registered, events[0]).preferences == ["crime", "crime"])
    }

    @Test("Who never registered can do nothing else")
    func notRegistered() throws {
        let user = try user()
        let refusal = UserError.notRegistered(user: "u")
        #expect(throws: refusal) { try user.subscribe(to: "gold", paymentMethod: "card", at: noon) }
        #expect(throws: refusal) { try user.updatePreferences(to: [], at: noon) }
        #expect(throws: refusal) { try user.deactivate(at: noon) }
    }

    @Test("Who left can do nothing more")
    func inactive() throws {
        #expect(try user(after: registered).deactivate(at: noon) == [left])
        let user = try user(after: registered, left)
        #expect(user.isDeactivated)
        let refusal = UserError.inactive(user: "u")
        #expect(throws: refusal) { try user.subscribe(to: "gold", paymentMethod: "card", at: noon) }
        #expect(throws: refusal) { try user.updatePreferences(to: [], at: noon) }
        #expect(throws: refusal) { try user.deactivate(at: noon) }
    }

    @Test("Events come back from their payloads as they were")
    func roundTrip() throws {
        try expectRoundTrip([
            registered, left,
            .registered(userID: "\"\\\n", email: "", name: "💠", preferences: [], at: noon),
            .subscribed(userID: "u", plan: "gold", paymentMethod: "card", at: noon),
            .preferencesUpdated(userID: "u", from: [], to: ["a", "b"], at: noon),
        ])
    }

    @Test("Payloads have exactly the documented fields")
    func payloads() {
        #expect(
            registered.payload.text
                == #"{"user_id":"u","email":"u@example.org","name":"Ü","initial_preferences":["drama"],"#
                + #""registration_timestamp":"2026-05-01T12:00:00Z"}"#
        )
        #expect(
            UserEvent.subscribed(userID: "u", plan: "gold", paymentMethod: "card", at: noon).payload.text
                == #"{"user_id":"u","plan":"gold","payment_method":"card","subscription_timestamp":"2026-05-01T12:00:00Z"}"#
        )
        #expect(
            UserEvent.preferencesUpdated(userID: "u", from: ["a"], to: [], at: noon).payload.text
                == #"{"user_id":"u","old_preferences":["a"],"new_preferences":[],"update_timestamp":"2026-05-01T12:00:00Z"}"#
        )
    }

    @Test("A payload that lacks a field, and an event of another kind, are refused")
    func unreadable() {
        #expect(throws: EventRefusal.self) { try UserEvent(Event(type: .userDeactivated, payload: "{}")) }
        #expect(throws: EventRefusal.self) { try UserEvent(Event(type: .contentAdded, payload: "{}")) }
    }
}
