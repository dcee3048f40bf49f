import Logging
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Connecting")
struct ConnectionTests {
    @Test("A malformed connection string is refused without quoting what may be a password")
    func malformedStrings() async throws {
        for text in [
            "host=x password=pass word", "postgresql://user:secret%zz@host/db",
            "postgresql://user:sec/ret@host/db", "postgresql://user:sec@ret@host/db", "postgresql://u:secret@[::1/db",
            "postgresql://u:secret@h:99999/db",
        ] {
            let error = await #expect(throws: PostgresError.self) {
                try await PostgresConnection.connect(to: text)
            }
            #expect(error?.code == .configuration, "\(text)")
            #expect(error?.isTransient == false)
            for part in ["secret", "word", "ret@", "sec"] {
                #expect(error?.description.contains(part + "\"") == false)
                #expect(error?.description.contains("secret") == false)
            }
        }
    }

    @Test("A password that begins with a combining mark is neither printed nor the end of its quotation")
    func combiningMarks() throws {
        let error = #expect(throws: PostgresError.self) { try ConnectionString("host=x \u{301}secret") }
        #expect(error?.description.contains("secret") == false)
        let text = "'\u{301} dbname=other \\\u{301}"
        var parsed = try ConnectionString("host=x")
        parsed = parsed.replacing(database: text)
        #expect(
            try ConnectionString(parsed.keywordValueText).parameters["dbname"]?.utf8.elementsEqual(text.utf8) == true
        )
        let hosts = try ConnectionString("host='a,\u{301}b' port='1,2'")
        #expect(hosts.address.utf8.elementsEqual("a:1,\u{301}b:2".utf8))
    }

    @Test("A server that is not there is a transient failure that names its address")
    func unreachable() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await PostgresConnection.connect(to: "postgresql://user:secret@127.0.0.1:1/db")
        }
        #expect(error?.code == .connectionFailed)
        #expect(error?.isTransient == true)
        #expect(error?.address == "127.0.0.1:1")
        #expect(error?.description.contains("secret") == false)
    }

    @Test("A database that does not exist is a failure that repeating does not mend")
    func absentDatabase() async throws {
        let url = try await ConnectionString(TestServers.databaseURL).replacing(database: "refold_absent")
            .keywordValueText
        let error = await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(to: url) }
        #expect(error?.code == .connectionFailed)
        #expect(error?.sqlState == SQLState("3D000"))
        #expect(error?.isTransient == false)
    }

    @Test("Of several hosts the first that answers is taken")
    func severalHosts() async throws {
        let server = try await ConnectionString(TestServers.databaseURL)
        let host = try #require(server.parameters["host"])
        let port = server.parameters["port"] ?? "5432"
        let url = "\(server.keywordValueText) host='/nowhere,\(host)' port='\(port),\(port)'"
        let connection = try await PostgresConnection.connect(to: url)
        #expect(connection.address.contains(host))
        await connection.close()
    }

    @Test("Sessions run in UTC, notice vanished clients, and carry the application's name")
    func settings() async throws {
        var options = PostgresOptions(applicationName: "refold's \"test\"")
        options.settings["idle_in_transaction_session_timeout"] = "7s"
        options.settings["refold.note"] = #"it's a \ test"#
        try await TestDatabase.withConnection(options) { connection in
            let result = try await connection.query(
                """
                SELECT current_setting('TimeZone'), current_setting('client_connection_check_interval'),
                    current_setting('idle_in_transaction_session_timeout'), current_setting('application_name'),
                    current_setting('refold.note'), current_setting('client_encoding'), pg_backend_pid()
                """
            )
            let row = try #require(result.rows.first)
            #expect(try row.text(0) == "UTC")
            #expect(try row.text(1) == "100ms")
            #expect(try row.text(2) == "7s")
            #expect(try row.text(3) == "refold's \"test\"")
            #expect(try row.text(4) == #"it's a \ test"#)
            #expect(try row.text(5) == "UTF8")
            #expect(try row.int32(6) == connection.backendPID)
            #expect(connection.serverVersion >= 120_000)
        }
    }

    @Test("What a role or a database limits for other uses does not reach the session")
    func limitsOfOthers() async throws {
        try await TestDatabase.with { database in
            let administrator = try await database.connect()
            for setting in [
                "statement_timeout = '7min'", "lock_timeout = '7min'", "idle_session_timeout = '7min'",
                "idle_in_transaction_session_timeout = '7min'", "synchronous_commit = off",
            ] {
                try await administrator.executeScript("ALTER DATABASE \(quoteIdentifier(database.name)) SET \(setting)")
            }
            let connection = try await database.connect()
            let expected = [
                "statement_timeout": "0", "lock_timeout": "0", "idle_session_timeout": "0",
                "idle_in_transaction_session_timeout": "1min", "synchronous_commit": "on",
            ]
            for (name, value) in expected {
                #expect(try await connection.query("SELECT current_setting($1)", [.text(name)]).text(0, 0) == value)
            }
        }
    }

    @Test("A session setting that the server does not know is an error that names it")
    func unknownSetting() async throws {
        let options = PostgresOptions(settings: ["no_such_setting": "1", "client_connection_check_interval": "1s"])
        let error = await #expect(throws: PostgresError.self) {
            try await PostgresConnection.connect(to: TestServers.databaseURL, options)
        }
        #expect(error?.message.contains("no_such_setting") == true)
    }

    @Test("A closed connection says so")
    func closed() async throws {
        try await TestDatabase.withConnection { connection in
            #expect(await connection.isUsable)
            await connection.close()
            await connection.close()
            connection.cancel()
            #expect(await !connection.isUsable)
            #expect(await connection.transactionStatus == .unknown)
            let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1") }
            #expect(error?.code == .connectionLost)
            #expect(error?.message == "the connection is closed")
        }
    }

    @Test("The server's notices go to the logger")
    func notices() async throws {
        let records = Records()
        let logger = Logger(label: "test") { _ in Recorder(records: records) }
        try await TestDatabase.withConnection(PostgresOptions(logger: logger)) { connection in
            try await connection.executeScript(
                "DO $$ BEGIN RAISE WARNING 'look out'; RAISE NOTICE 'by the way'; END $$"
            )
        }
        #expect(records.all.withLock { $0 } == ["warning look out", "debug by the way"])
    }

    @Test("Notifications arrive on a connection that listens, and on no other")
    func notifications() async throws {
        try await TestDatabase.with { database in
            let listener = try await database.connect()
            let sender = try await database.connect()
            try await listener.listen("odd \"channel\"")
            #expect(try await listener.notifications(waitingUpTo: .zero).isEmpty)
            try await sender.execute("SELECT pg_notify($1, $2)", [.text("odd \"channel\""), .text("hello")])
            let arrived = try await listener.notifications(waitingUpTo: .seconds(10))
            #expect(arrived.map(\.payload) == ["hello"])
            #expect(arrived.first?.channel == "odd \"channel\"")
            #expect(arrived.first?.backendPID == sender.backendPID)
        }
    }

    private final class Records: Sendable {
        let all = Mutex<[String]>([])
    }

    private struct Recorder: LogHandler {
        let records: Records
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            records.all.withLock { $0.append("\(event.level) \(event.message)") }
        }
    }
}
