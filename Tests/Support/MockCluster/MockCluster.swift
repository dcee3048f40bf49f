import CRdkafka
import Glibc

/// librdkafka's mock cluster, in a process of its own, which obeys the lines of a file until it is killed.
///
///     MockCluster BROKERS COMMANDS
///
/// The first line on stdout is the cluster's bootstrap servers. Then each line that is appended to the file COMMANDS is
/// obeyed and answered with `ok`, or with the reason why not:
///
///     topic NAME PARTITIONS        creates a topic
///     down BROKER | up BROKER      -1 for all
///     rtt BROKER MILLISECONDS      delays each answer
///     errors API CODE…             the next requests of this kind fail so; 0 is Produce, 1 Fetch, -195 a lost connection
///     clear API                    takes back the errors that are left
///     leader TOPIC PARTITION BROKER
///     coordinator GROUP BROKER
@main
enum MockCluster {
    static func main() {
        let words = CommandLine.arguments
        guard words.count == 3, let brokers = Int32(words[1]) else {
            say("usage: MockCluster BROKERS COMMANDS")
            exit(64)
        }
        var text = [CChar](repeating: 0, count: 512)
        let configuration = rd_kafka_conf_new()
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &text, text.count),
            let cluster = rd_kafka_mock_cluster_new(client, brokers),
            let servers = rd_kafka_mock_cluster_bootstraps(cluster)
        else { exit(70) }
        say(String(cString: servers))
        guard let commands = fopen(words[2], "r") else { exit(66) }
        var line = [CChar](repeating: 0, count: 4_096)
        while true {
            if fgets(&line, Int32(line.count), commands) == nil {
                clearerr(commands)
                usleep(2_000)
                // Nobody is left to stop it.
                if getppid() == 1 { exit(0) }
                continue
            }
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            say(obey(text.split(whereSeparator: \.isWhitespace).map(String.init), cluster))
        }
    }

    /// Writes a line at once.
    private static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    }

    private static func obey(_ words: [String], _ cluster: OpaquePointer) -> String {
        guard let command = words.first else { return "nothing to do" }
        let rest = Array(words.dropFirst())
        let numbers = rest.map { Int32($0) }
        let code: rd_kafka_resp_err_t
        switch (command, rest.count) {
        case ("topic", 2): code = rd_kafka_mock_topic_create(cluster, rest[0], numbers[1] ?? 1, 1)
        case ("down", 1): code = rd_kafka_mock_broker_set_down(cluster, numbers[0] ?? -1)
        case ("up", 1): code = rd_kafka_mock_broker_set_up(cluster, numbers[0] ?? -1)
        case ("rtt", 2): code = rd_kafka_mock_broker_set_rtt(cluster, numbers[0] ?? -1, numbers[1] ?? 0)
        case ("leader", 3):
            code = rd_kafka_mock_partition_set_leader(cluster, rest[0], numbers[1] ?? 0, numbers[2] ?? 1)
        case ("coordinator", 2): code = rd_kafka_mock_coordinator_set(cluster, "group", rest[0], numbers[1] ?? 1)
        case ("clear", 1):
            rd_kafka_mock_clear_request_errors(cluster, Int16(numbers[0] ?? 0))
            code = RD_KAFKA_RESP_ERR_NO_ERROR
        case ("errors", 2...):
            let errors = numbers.dropFirst().map { rd_kafka_resp_err_t(rawValue: $0 ?? 0) }
            rd_kafka_mock_push_request_errors_array(cluster, Int16(numbers[0] ?? 0), errors.count, errors)
            code = RD_KAFKA_RESP_ERR_NO_ERROR
        default: return "unknown command"
        }
        return code == RD_KAFKA_RESP_ERR_NO_ERROR ? "ok" : String(cString: rd_kafka_err2str(code))
    }
}
