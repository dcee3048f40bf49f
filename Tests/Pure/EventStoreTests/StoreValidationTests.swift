import EventStore
import Refold
import Testing

@Suite("Judging a store")
struct StoreValidationTests {
    private let settings = EventStoreSettings()

    private func sound() -> StoreCatalog {
        StoreCatalog(
            server: .init(version: 150_018, isInRecovery: false, run: ServerRun(startedAt: 5)),
            table: .init(oid: 10, kind: "r"),
            columns: [
                column("global_position", "bigint", defaultExpression: "nextval('s'::regclass)"),
                column("event_type", "text"),
                column("event_data", "jsonb"),
                column("metadata", "json"),
                column("timestamp", "timestamp without time zone"),
            ],
            sequences: [.init(oid: 11, schema: "public", name: "s")]
        )
    }

    private func column(_ name: String, _ type: String, defaultExpression: String? = nil) -> StoreCatalog.Column {
        StoreCatalog.Column(name: name, type: type, defaultExpression: defaultExpression)
    }

    private func refusal(_ change: (inout StoreCatalog) -> Void) -> EventStoreError? {
        var catalog = sound()
        change(&catalog)
        return #expect(throws: EventStoreError.self) { try catalog.judge(settings) }
    }

    @Test("A sound store is taken as it is")
    func accepted() throws {
        let store = try sound().judge(settings)
        #expect(store.payloadFormat == .jsonb)
        #expect(store.metadataFormat == .json)
        #expect(store.timestampIsNaive)
        #expect(store.sequence == PositionSequence(schema: "public", name: "s", oid: 11))
    }

    @Test("A standby is refused before anything else is asked")
    func standby() {
        let error = refusal {
            $0.server.isInRecovery = true
            $0.table = nil
        }
        #expect(error?.code == .inRecovery)
        #expect(error?.remedy?.contains("primary") == true)
    }

    @Test("Each thing that stands against a store has its own refusal")
    func refusals() {
        #expect(refusal { $0.server.version = 130_000 }?.code == .unsupportedServer)
        #expect(refusal { $0.server.encoding = "SQL_ASCII" }?.code == .unsupportedEncoding)
        #expect(refusal { $0.table = nil }?.code == .eventsTableMissing)
        #expect(refusal { $0.table?.kind = "v" }?.code == .eventsTableMissing)
        #expect(refusal { $0.table?.hidesRows = true }?.code == .rowsHidden)
        #expect(refusal { $0.table?.subscription = "sub" }?.code == .replicationTarget)
        #expect(refusal { $0.table?.hasPositionIndex = false }?.code == .positionNotIndexed)
        #expect(refusal { $0.table?.holdsPositionBelowOne = true }?.code == .positionBelowOne)
        #expect(refusal { $0.columns.removeLast() }?.code == .columnMissing)
        #expect(refusal { $0.columns[2].type = "bytea" }?.code == .columnType)
        #expect(refusal { $0.columns[1].isReadable = false }?.code == .eventsNotReadable)
        #expect(refusal { $0.sequences = [] }?.code == .positionNotFromSequence)
        #expect(refusal { $0.sequences.append($0.sequences[0]) }?.code == .positionNotFromSequence)
        #expect(refusal { $0.columns[0].defaultExpression = nil }?.code == .positionNotFromSequence)
        #expect(refusal { $0.columns[0].isGenerated = true }?.code == .positionNotFromSequence)
        #expect(refusal { $0.sequences[0].cache = 10 }?.code == .sequenceCached)
        #expect(refusal { $0.sequences[0].increment = -1 }?.code == .sequenceDescends)
        #expect(refusal { $0.sequences[0].cycles = true }?.code == .sequenceCycles)
        #expect(refusal { $0.sequences[0].isReadable = false }?.code == .sequenceNotReadable)
    }

    @Test("An identity column needs no default")
    func identity() throws {
        var catalog = sound()
        catalog.columns[0].identity = "a"
        catalog.columns[0].defaultExpression = nil
        _ = try catalog.judge(settings)
    }

    @Test("Only nextval and nothing around it is a plain default")
    func plainNextval() {
        for plain in ["nextval('s'::regclass)", "nextval('\"o''clock\".\"s\"'::regclass)"] {
            #expect(StoreCatalog.isPlainNextval(plain), "\(plain)")
        }
        for other in [
            "nextval(('s'::text)::regclass)", "(nextval('s'::regclass) * 10)", "nextval('s'::regclass) + 1",
            "next_position()", "nextval('a'::regclass) + nextval('b'::regclass)", "nextval(''::regclass)",
        ] {
            #expect(!StoreCatalog.isPlainNextval(other), "\(other)")
        }
    }

    @Test("Names PostgreSQL could not have are refused")
    func names() {
        for settings in [
            EventStoreSettings(schema: ""), EventStoreSettings(eventsTable: String(repeating: "é", count: 32)),
            EventStoreSettings(streamsTable: "a\0b"), EventStoreSettings(eventsTable: "x", streamsTable: "x"),
        ] {
            let error = #expect(throws: EventStoreError.self) { try settings.validate() }
            #expect(error?.code == .invalidSettings)
        }
        #expect(throws: Never.self) { try EventStoreSettings(schema: "Größe \"x\"").validate() }
        // One character, and a letter with an accent: two names.
        let alike = EventStoreSettings(eventsTable: "\u{E9}", streamsTable: "e\u{301}")
        #expect(throws: Never.self) { try alike.validate() }
    }
}
