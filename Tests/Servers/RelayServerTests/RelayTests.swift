import Foundation
import Glibc
import Kafka
import Postgres
import Refold
import TestSupport
import Testing

@Suite("A relay") struct RelayTests {
    @Test("sends every event of the configured types once, in order, with all that consumers need") func whole()
        async throws
    {
        try await RelaySite.with { site in
            try await site.append(3_000)
            try await site.append(10, type: "other.happened")
            try await site.append(500)
            try await site.connection.executeScript(
                #"""
                INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, metadata)
                VALUES (gen_random_uuid(), 'escaped', 1, 'thing.happened', '{"user\u005fid": "u1"}', '{"type\u005fversion": 7}')
                """#
            )
            try await site.succeed("relay", "--until-caught-up")
            let newest = try await site.newest
            let received = try await site.receive(through: newest)
            try await site.expectWholeLog(received)
            #expect(received.verdicts.allSatisfy { $0 == .apply || $0 == .marker })
            for event in received.applied {
                #expect(event.partition == KafkaPartitioner.partition(of: Array(event.key.utf8), count: 4))
            }
            let (record, headers) = try #require(
                zip(received.records, received.kinds).first { $0.1.position == 1 }
            )
            guard case .event(_, let version) = headers.kind else {
                Issue.record("\(headers)")
                return
            }
            let escaped = try #require(received.kinds.first { $0.position.rawValue == newest && $0.kind != .marker })
            guard case .event(_, 7) = escaped.kind else {
                Issue.record("\(escaped)")
                return
            }
            #expect(version == 2 && headers.previous == 0 && headers.epoch == 1)
            let value = try #require(
                JSONSerialization.jsonObject(with: Data(record.value ?? [])) as? [String: Any]
            )
            #expect(Set(value.keys) == ["event_type", "payload", "timestamp", "metadata"])
            #expect(value["event_type"] as? String == "thing.happened")
            #expect(value["timestamp"] as? String == "2026-05-01T12:00:00.001000Z")
            #expect((value["payload"] as? [String: Any])?["number"] as? Int == 1)
            #expect((value["metadata"] as? [String: Any])?["type_version"] as? Int == 2)
        }
    }

    @Test("sends nothing beyond the high-water mark") func mark() async throws {
        try await RelaySite.with { site in
            try await site.append(10)
            try await site.running("relay") { relay in
                _ = try await site.receive(through: 10)
                let url = try #require(site.environment["REFOLD_DATABASE_URL"])
                let writer = try await PostgresConnection.connect(to: url)
                try await writer.executeScript("BEGIN")
                let one: [PostgresValue] = [.int64(1), .int64(1), .text("thing.happened")]
                try await writer.execute(RelaySite.appending, one)
                try await site.append(20)
                // Another writer's whole transaction.
                try await site.append(20)
                // It has looked at what there is, again and again for a second.
                try await wait(for: "the relay to tell of the writer") {
                    relay.errors.contains("waiting for a transaction")
                }
                #expect(try await site.number("SELECT position FROM refold.relays") == 10)
                try await writer.executeScript("COMMIT")
                let received = try await site.receive(through: 51)
                try await site.expectWholeLog(received)
                await writer.close()
            }
        }
    }

    @Test("sends events of the stream's key and of jsonb stores alike") func jsonb() async throws {
        try await RelaySite.with(partitions: 2) { site in
            try await site.connection.executeScript(
                "ALTER TABLE events ALTER event_data TYPE jsonb, ALTER metadata TYPE jsonb"
            )
            try await site.append(100)
            var copy = site
            copy.environment["REFOLD_RELAY_TOPICS"] = "thing.happened:\(RelaySite.topic):@stream"
            try await copy.succeed("relay", "--until-caught-up")
            let received = try await site.receive(partitions: 2, through: 100)
            #expect(received.applied.count == 100 && received.applied.allSatisfy { $0.key.hasPrefix("s-") })
            let value = try JSONSerialization.jsonObject(with: Data(received.records[0].value ?? [])) as? [String: Any]
            #expect((value?["payload"] as? [String: Any])?["user_id"] is String)
        }
    }

    @Test("goes back when it is told to, and consumers see repetitions") func from() async throws {
        try await RelaySite.with { site in
            try await site.append(200)
            try await site.succeed("relay", "--until-caught-up")
            let beyond = try await site.refold("relay", "--until-caught-up", "--from", "300")
            #expect(beyond.code == 64 && beyond.errors.contains("at most 201"), "\(beyond)")
            try await site.succeed("relay", "--until-caught-up", "--from", "51")
            try await site.append(1)
            try await site.succeed("relay", "--until-caught-up")
            let received = try await site.receive(through: 201)
            try await site.expectWholeLog(received)
            #expect(received.verdicts.count { $0 == .repeated } == 150)
        }
    }

    @Test("begins within the log, and says nothing of what is above the mark") func fromBeyond() async throws {
        try await RelaySite.with { site in
            try await site.append(20)
            for position in ["22", "9223372036854775807"] {
                let beyond = try await site.refold("relay", "--until-caught-up", "--from", position)
                #expect(beyond.code == 64 && beyond.errors.contains("at most 21"), "\(beyond)")
            }
            #expect(try await site.number("SELECT position FROM refold.relays") == 0)
            // A transaction that has drawn position 21 and is still open holds the mark at 20.
            let url = try #require(site.environment["REFOLD_DATABASE_URL"])
            let writer = try await PostgresConnection.connect(to: url)
            try await writer.executeScript("BEGIN")
            try await writer.execute(RelaySite.appending, [.int64(1), .int64(1), .text("thing.happened")])
            try await site.running("relay", "--from", "22") { relay in
                try await wait(for: "the relay to be held") { relay.errors.contains("waiting for a transaction") }
                // It began at position 21, and has said so to nobody.
                #expect(try await site.number("SELECT position FROM refold.relays") == 21)
                try await writer.executeScript("COMMIT")
                try await site.append(1)
                try await wait(for: "the relay to go on") {
                    try await site.number("SELECT position FROM refold.relays") == 22
                }
            }
            let received = try await site.receive(through: 22)
            #expect(received.applied.map(\.position) == [22])
            let markers = zip(received.kinds, received.records).filter { $0.0.kind == .marker }
            #expect(markers.allSatisfy { $0.0.position >= 21 })
            await writer.close()
        }
    }

    @Test("fills another version of the topics from the beginning, beside the first") func backfill() async throws {
        try await RelaySite.with { site in
            try await site.append(300)
            try await site.succeed("relay", "--until-caught-up")
            let missing = try await site.refold("relay", "--backfill", "v2")
            #expect(missing.code == 78 && missing.errors.contains("things-v2"), "\(missing)")
            #expect(missing.errors.contains("refold relay --backfill v2 --create-topics"), "\(missing)")
            let long = try await site.refold("relay", "--backfill", String(repeating: "v", count: 244))
            #expect(long.code == 78 && long.errors.contains("249 bytes"), "\(long)")
            try await site.mock.createTopic("things-v2", partitions: 7)
            try await site.succeed("relay", "--backfill", "v2")
            try await site.expectWholeLog(try await site.receive("things-v2", partitions: 7, through: 300))
            // From now on the new version alone.
            var newer = site
            newer.environment["REFOLD_RELAY_VERSION"] = "v2"
            try await site.append(10)
            try await newer.succeed("relay", "--until-caught-up")
            try await site.expectWholeLog(try await site.receive("things-v2", partitions: 7, through: 310))
            #expect(try await site.number("SELECT position FROM refold.relays WHERE version = ''") == 300)
        }
    }

    @Test("stops when a topic has another number of partitions") func partitions() async throws {
        try await RelaySite.with { site in
            try await site.append(100)
            try await site.succeed("relay", "--until-caught-up")
            try await PrivateKafka.with { other in
                try await other.createTopic(RelaySite.topic, partitions: 5)
                var moved = site
                moved.environment["REFOLD_RELAY_BOOTSTRAP_SERVERS"] = other.servers
                let outcome = try await moved.refold("relay")
                #expect(outcome.code == 78, "\(outcome)")
                #expect(outcome.errors.contains("5 partitions and had 4"), "\(outcome)")
                #expect(outcome.errors.contains("--backfill"), "\(outcome)")
            }
        }
    }

    @Test("says what is missing, and with which command it is made") func missing() async throws {
        try await RelaySite.with { site in
            var other = site
            other.environment["REFOLD_RELAY_TOPICS"] = "thing.happened:nothings:user_id"
            let topic = try await other.refold("relay")
            #expect(topic.code == 78 && topic.errors.contains("--create --topic nothings"), "\(topic)")
            #expect(topic.errors.contains("refold relay --create-topics"))
            other.environment["REFOLD_RELAY_TOPICS"] = ""
            let nothing = try await other.refold("relay")
            #expect(nothing.code == 78 && nothing.errors.contains("set relay.topics"), "\(nothing)")
            let unset = try await other.refold("doctor")
            #expect(unset.code == 78 && unset.output.contains("set relay.topics"), "\(unset)")
            other.environment["REFOLD_RELAY_TOPICS"] = "thing.happened:nothings:user_id"
            other.environment["REFOLD_RELAY_BOOTSTRAP_SERVERS"] = ""
            let servers = try await other.refold("relay")
            #expect(servers.code == 78 && servers.errors.contains("relay.bootstrap-servers"), "\(servers)")
            other.environment["REFOLD_RELAY_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
            let broker = try await other.refold("relay")
            #expect(broker.code == 69 && broker.errors.contains("127.0.0.1:1"), "\(broker)")
            let doctor = try await other.refold("doctor")
            #expect(doctor.code == 69 && doctor.output.contains("FAILED   Kafka"), "\(doctor)")
        }
    }

    @Test("refuses a log whose sequence does not know of its newest events, until it does") func copied() async throws {
        try await RelaySite.with { site in
            try await site.append(20)
            _ = try await site.number("SELECT setval('events_global_position_seq', 10)")
            for call in [["relay"], ["relay", "--until-caught-up"]] {
                let outcome = try await RefoldProcess.run(call, environment: site.environment)
                #expect(outcome.code == 65 && outcome.errors.contains("setval"), "\(call): \(outcome)")
            }
            _ = try await site.number("SELECT setval('events_global_position_seq', 20)")
            try await site.succeed("relay", "--until-caught-up")
            try await site.expectWholeLog(try await site.receive(through: 20))
        }
    }

    @Test("ends within five seconds of SIGTERM, brokers or not, and frees its lease") func stops() async throws {
        try await RelaySite.with { site in
            for isDown in [false, true] {
                try await site.append(1_000)
                try await site.running("relay") { relay in
                    try await wait(for: "the relay to be at work") {
                        try await site.number(
                            "SELECT count(*) FROM refold.relays WHERE owner IS NOT NULL AND epoch > 0"
                        )
                            == 1 && relay.errors.contains("relaying")
                    }
                    if isDown {
                        try await site.mock.goDown()
                        try await site.append(1_000)
                        try await wait(for: "the cause in status") {
                            try await site.number("SELECT count(*) FROM refold.relays WHERE waiting_for IS NOT NULL")
                                == 1
                        }
                        let status = try await site.refold("status")
                        #expect(status.output.contains("! relay: Kafka at \(site.mock.servers)"), "\(status)")
                    }
                    let start = ContinuousClock.now
                    await relay.send(SIGTERM)
                    let outcome = try await relay.outcome()
                    #expect(outcome.code == 0 && ContinuousClock.now - start < .seconds(5.5), "\(outcome)")
                    #expect(try await site.number("SELECT count(*) FROM refold.owners") == 0)
                }
            }
            try await site.mock.comeUp()
            try await site.succeed("relay", "--until-caught-up")
            try await site.expectWholeLog(try await site.receive(through: 3_000))
            let status = try await site.refold("status")
            #expect(status.output.contains("relay: position 3,000, lag 0"), "\(status)")
            #expect(status.output.contains("nobody sends"), "\(status)")
        }
    }

    @Test("ends with the event that is too large for the producer or for a broker", arguments: [true, false])
    func tooLarge(_ isForBroker: Bool) async throws {
        try await RelaySite.with(partitions: 1) { site in
            try await site.append(10)
            if isForBroker {
                try await site.mock.command("errors 0 10")
            } else {
                try await site.connection.execute(
                    """
                    UPDATE events SET event_data = json_build_object('user_id', 'u1', 'text', repeat('x', 2000000))
                    WHERE global_position = 7
                    """
                )
            }
            let outcome = try await site.refold("relay")
            let position = isForBroker ? 1 : 7
            let id = try await site.connection.query(
                "SELECT event_id::text FROM events WHERE global_position = $1",
                [.int64(Int64(position))]
            ).text(0, 0)
            #expect(outcome.code != 0 && !outcome.errors.contains("begins again"), "\(outcome)")
            #expect(outcome.errors.contains("event \(id) at position \(position)"), "\(outcome)")
        }
    }
}
