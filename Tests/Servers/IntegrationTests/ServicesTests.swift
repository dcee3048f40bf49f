import Foundation
import TestSupport
import Testing

extension BlackBox {
    @Suite("The private servers' scripts") struct ServicesTests {
        private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("ops/services").path

        private func mode(_ path: String) throws -> Int {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            return try #require(attributes[.posixPermissions] as? Int)
        }

        @Test("A folder in /var/tmp is used only while it is the caller's own, and closed again if others could enter")
        func folders() async throws {
            let files = FileManager.default
            let top = "/tmp/refold-test-\(UInt64.random(in: .min ... .max))"
            // Too deep for sockets, so the servers are elsewhere.
            let folder = "\(top)/\(String(repeating: "x", count: 100))"
            try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
            var made: [String] = []
            func services(_ command: String) async throws -> ChildProcess.Outcome {
                try await ChildProcess.run(
                    ["bash", Self.script, command],
                    environment: ["REFOLD_SERVICES_DIR": folder]
                )
            }
            func start() async throws -> String {
                let outcome = try await services("start")
                try #require(outcome.code == 0, "\(outcome)")
                let output = try await services("url").output
                let home = try #require(output.firstMatch(of: /host=(\/var\/tmp\/[^\/&]+)\/sockets&/)).1
                if !made.contains(String(home)) { made.append(String(home)) }
                #expect(try mode(home + "/sockets") == 0o700)
                #expect(files.fileExists(atPath: home + "/sockets/redis.sock"))
                return String(home)
            }
            do {
                let home = try await start()
                #expect(try await services("stop").code == 0)
                try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: home + "/sockets")
                #expect(try await start() == home, "one that is in order is used again")
                #expect(try await services("stop").code == 0)

                // A link to another such folder, as somebody may make one when the first was swept away.
                try files.moveItem(atPath: home, toPath: home + ".moved")
                made.append(home + ".moved")
                try files.createSymbolicLink(atPath: home, withDestinationPath: home + ".moved")
                for command in ["start", "stop", "status", "url"] {
                    let outcome = try await services(command)
                    #expect(outcome.code == 69)
                    #expect(outcome.errors.contains("\(home) is not a folder of"))
                }
                try files.removeItem(atPath: home)

                // One of another user. Only root can give it away.
                if geteuid() == 0 {
                    try files.createDirectory(atPath: home, withIntermediateDirectories: false)
                    #expect(chown(home, 12_345, 12_345) == 0)
                    #expect(try await services("start").code == 69)
                    try files.removeItem(atPath: home)
                }
                try files.moveItem(atPath: home + ".moved", toPath: home)
                #expect(try await start() == home, "with the data that it had")
            } catch {
                Issue.record(error)
            }
            #expect(try await services("stop").code == 0)
            for path in made + [top] { try? files.removeItem(atPath: path) }
        }
    }
}
