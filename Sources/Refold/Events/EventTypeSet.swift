/// A few event types, for asking of each event whether it is wanted.
package struct EventTypeSet: Sendable {
    private let members: [Bool]

    package init(_ types: [EventType]) {
        var members: [Bool] = []
        for type in types {
            let id = Int(type.id)
            if id >= members.count { members += Array(repeating: false, count: id + 1 - members.count) }
            members[id] = true
        }
        self.members = members
    }

    /// Whether the event is of one of the types.
    package func contains(_ event: Event) -> Bool {
        guard let id = event.type?.id else { return false }
        return Int(id) < members.count && members[Int(id)]
    }
}
