import Engine
import Logging
import Refold
import TestProjections
import Testing

@Suite("Names and identities")
struct NamesTests {
    /// A projection of which a test changes one thing.
    fileprivate struct Changing: Projection {
        var name: ProjectionName = "changing"
        var version = 1
        var eventTypes: [EventType] = [.put]
        var model: ReadModel
        var settings = [Self.setting("a", 1), Self.setting("b", 2)]

        static func setting(_ name: String, _ number: Int, changesFold: Bool = true) -> ProjectionSetting {
            ProjectionSetting(name, .integer(number, in: 0...9), of: "changing", changesFold: changesFold)
        }

        init(table: String = "changing", _ change: (inout ReadModel, Table) -> Void = { _, _ in }) {
            var model = ReadModel()
            let table = model.addTable(table, key: .text("id"))
            let _: Column<Int64> = model.addColumn("count", to: table)
            change(&model, table)
            self.model = model
        }

        func apply(_ event: Event, to rows: Rows) throws {}
    }

    private func names(_ asked: String) -> EngineError? {
        var other = Changing()
        other.name = "trending_score"
        let engine = Engine(EngineSettings(), projections: [Changing(), other], logger: Logger(label: "test"))
        return #expect(throws: EngineError.self) { try engine.projections(named: [asked]) }
    }

    @Test("An unknown projection suggests the nearest name")
    func suggestion() {
        let error = names("trendingscore")
        #expect(error?.code == .unknownProjection)
        #expect(error?.remedy.contains("did you mean trending_score?") == true)
        #expect(names("chaging")?.remedy.contains("did you mean changing?") == true)
        #expect(names("")?.remedy.contains("trending_score") == true)
    }

    @Test("No names are all projections, and names keep their order")
    func known() throws {
        var other = Changing()
        other.name = "other"
        let engine = Engine(EngineSettings(), projections: [Changing(), other], logger: Logger(label: "test"))
        #expect(try engine.projections(named: []).map(\.name) == ["changing", "other"])
        #expect(try engine.projections(named: ["other", "changing"]).map(\.name) == ["other", "changing"])
    }

    @Test("A name given twice counts once, where it stands first")
    func givenTwice() throws {
        var other = Changing()
        other.name = "other"
        let engine = Engine(EngineSettings(), projections: [Changing(), other], logger: Logger(label: "test"))
        #expect(
            try engine.projections(named: ["other", "changing", "other", "other"]).map(\.name) == ["other", "changing"]
        )
    }

    @Test(
        "The edit distance counts insertions, deletions and substitutions",
        arguments: [
            ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("a", "b", 1), ("ab", "ba", 2),
        ]
    )
    func distance(left: String, right: String, expected: Int) {
        #expect(EditDistance.between(left, right) == expected)
    }

    @Test("The stable hash is FNV-1a with 128 bits")
    func stableHash() {
        // Published test vectors of the algorithm's authors.
        #expect(StableHash.hex("") == "6c62272e07bb014262b821756295c58d")
        #expect(StableHash.hex("a") == "d228cb696f1a8caf78912b704e4a8964")
        #expect(StableHash.hex("foobar") == "343e1662793c64bf6f0d3597ba446f18")
    }

    @Test("The identity is the same for the same projection, and stays the same from run to run")
    func sameIdentity() {
        #expect(Changing().identityText("s") == Changing().identityText("s"))
        var other = Changing()
        other.settings.reverse()
        other.settings.append(Changing.setting("c", 3, changesFold: false))
        #expect(other.identityText("s") == Changing().identityText("s"))
        #expect(Changing().identityText("s") == "2:c42bf7855ead68cdac46c00ba965fd35")
    }

    @Test("An identity of before it had a format's number, under either policy, is recognised")
    func formerIdentity() {
        let identity = GenerationIdentity(of: Changing(), store: "s")
        // What the last version wrote that took the policy in.
        for former in ["91e979aff48447beb768104f0d86cf91", "de0c489636e032d32591614a402c28c8"] {
            guard case .former = identity.match(former) else {
                Issue.record("\(former)")
                continue
            }
        }
        guard case .same = identity.match(identity.text),
            case .other = identity.match("c42bf7855ead68cdac46c00ba965fd35")
        else {
            Issue.record("an identity is itself, and no other hash")
            return
        }
    }

    @Test("The identity changes with the version, the settings, the store, and anything about the tables")
    func otherIdentity() {
        var version = Changing()
        version.version = 2
        var settings = Changing()
        settings.settings[0] = Changing.setting("a", 2)
        let identities = [
            Changing().identityText("s"), Changing().identityText("other"),
            version.identityText("s"), settings.identityText("s"), Changing(table: "other").identityText("s"),
            Changing { model, table in let _: Column<Text> = model.addColumn("x", to: table) }.identityText("s"),
            Changing { model, table in let _: Column<Text?> = model.addColumn("x", to: table) }.identityText("s"),
            Changing { model, table in let _: Column<Int64> = model.addColumn("x", to: table) }.identityText("s"),
            Changing { model, table in
                let _: Column<Int64> = model.addColumn("x", to: table, isPublic: false)
            }.identityText("s"),
            Changing { model, _ in _ = model.addTable("more", key: .integer("id")) }.identityText("s"),
            Changing { model, _ in _ = model.addTable("more", key: .text("id")) }.identityText("s"),
            Changing { model, table in model.addIndex(to: table, on: "count") }.identityText("s"),
        ]
        #expect(Set(identities).count == identities.count)
    }
}

extension NamesTests.Changing {
    fileprivate func identityText(_ store: String) -> String { GenerationIdentity(of: self, store: store).text }
}
