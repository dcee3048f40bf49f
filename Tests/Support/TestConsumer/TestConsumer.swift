import AppliedEvents
import Glibc
import Kafka
import Postgres

/// A member of a group that applies events to tables until it is killed.
///
///     TestConsumer URL SERVERS TOPIC
@main
enum TestConsumer {
    static func main() async throws {
        let words = CommandLine.arguments
        guard words.count == 4 else { exit(64) }
        let database = try await PostgresConnection.connect(to: words[1])
        let settings = KafkaSettings(
            bootstrapServers: [words[2]],
            properties: ["session.timeout.ms": "6000", "heartbeat.interval.ms": "300"]
        )
        let handler = AppliedEvents(database, failsSometimes: false)
        while true {
            do {
                let kafka = KafkaCluster(settings)
                try await KafkaEventConsumer(kafka, topics: [words[3]], group: "g", handler: handler).run()
            } catch is Failing {
                // Another member has the partition now.
            }
        }
    }
}
