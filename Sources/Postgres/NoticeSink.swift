internal import CPostgres
internal import Logging

/// Where the server's notices go.
final class NoticeSink {
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    func receive(_ result: OpaquePointer) {
        let error = PostgresError(result: result, operation: "notice", address: nil)
        let isWarning = PQresultErrorField(result, pgDiagSeverityNonlocalized).map { String(cString: $0) } == "WARNING"
        logger.log(
            level: isWarning ? .warning : .debug,
            "\(error.message)",
            metadata: ["sql_state": "\(error.sqlState?.rawValue ?? "")"]
        )
    }
}

/// libpq's notice receiver: runs on the connection's executor, inside the libpq call that met the notice. `context` is
/// the `NoticeSink` that the same `LibpqConnection` keeps alive for as long as its `PGconn`.
func receiveNotice(_ context: UnsafeMutableRawPointer?, _ result: OpaquePointer?) {
    guard let context, let result else { return }
    Unmanaged<NoticeSink>.fromOpaque(context).takeUnretainedValue().receive(result)
}
