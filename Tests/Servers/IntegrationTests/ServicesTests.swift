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

        @Test("A remembered folder of sockets in /tmp is used only while it is a closed folder of the servers' user")
        func sockets() async throws {
            let files = FileManager.default
            let top = "/tmp/refold-test-\(UInt64.random(in: .min ... .max))"
            // Too deep for sockets, so they are elsewhere.
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
                let used = try String(contentsOfFile: folder + "/sockets-location", encoding: .utf8)
                    .trimmingCharacters(in: .newlines)
                if !made.contains(used) { made.append(used) }
                #expect(try mode(used) == 0o700)
                #expect(try await services("url").output.contains("host=\(used)&"))
                #expect(files.fileExists(atPath: used + "/redis.sock"))
                return used
            }
            do {
                let first = try await start()
                #expect(try await services("stop").code == 0)
                #expect(try await start() == first, "one that is in order is used again")
                #expect(try await services("stop").code == 0)

                // A link to another such folder, as somebody may make one when the first was swept away.
                try files.moveItem(atPath: first, toPath: first + ".moved")
                made.append(first + ".moved")
                try files.createSymbolicLink(atPath: first, withDestinationPath: first + ".moved")
                let second = try await start()
                #expect(second != first)
                #expect(try await services("stop").code == 0)

                // One that others can enter.
                try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: second)
                let third = try await start()
                #expect(third != second)
                #expect(try await services("stop").code == 0)

                // One of another user. Only root can give it away.
                if geteuid() == 0 {
                    #expect(chown(third, 12_345, 12_345) == 0)
                    #expect(try await start() != third)
                }
            } catch {
                Issue.record(error)
            }
            #expect(try await services("stop").code == 0)
            for path in made + [top] { try? files.removeItem(atPath: path) }
        }
    }
}
