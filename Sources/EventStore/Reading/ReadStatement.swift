internal import Postgres
internal import Refold

/// The COPY that reads a range of events, and where its columns stand.
struct ReadStatement: Sendable {
    static let position = 0
    static let type = 1
    static let payload = 2
    static let timestamp = 3

    /// The column of the metadata; nil when it is not fetched.
    let metadata: Int?
    /// Whether the metadata's column has the metadata of the types that have upcasters, if of no others.
    let hasVersions: Bool
    /// The column of the stream's id; nil when it is not fetched.
    let streamID: Int?

    private let columns: String
    private let table: String

    /// - Parameter versioned: the types whose metadata are fetched in any case, for their version.
    init(_ store: ValidatedStore, _ wanted: EventColumns, versioned: [EventType] = []) {
        var columns = ["e.global_position::bigint", "e.event_type", "e.event_data", "e.\"timestamp\""]
        if wanted.contains(.metadata), store.metadataFormat != nil {
            metadata = columns.count
            columns.append("e.metadata")
        } else if !versioned.isEmpty, store.metadataFormat != nil {
            metadata = columns.count
            let types = versioned.map { quoteLiteral($0.name) }.joined(separator: ", ")
            columns.append("CASE WHEN e.event_type IN (\(types)) THEN e.metadata END")
        } else {
            metadata = nil
        }
        // Without the column there are no versions, and every one is 1.
        hasVersions = metadata != nil || store.metadataFormat == nil
        if wanted.contains(.streamID), store.hasStreamID {
            streamID = columns.count
            columns.append("e.stream_id::text")
        } else {
            streamID = nil
        }
        self.columns = columns.joined(separator: ", ")
        table = store.settings.events
    }

    /// COPY takes no parameters; positions are integers, so nothing needs quoting. A negative one needs parentheses.
    func copy(after: GlobalPosition, through: GlobalPosition, limit: Int) -> String {
        """
        COPY (SELECT \(columns) FROM \(table) e \
        WHERE e.global_position > (\(after)) AND e.global_position <= (\(through)) \
        ORDER BY e.global_position LIMIT \(limit)) TO STDOUT (FORMAT binary)
        """
    }

    /// The index on the position gives the order, and a LIMIT then costs nothing. Without statistics the planner may
    /// prefer to sort all that is left, for each range again. A policy that hides rows is to be an error, not a gap.
    ///
    /// They end with the COPY's transaction, since behind a pooler the session is shared. The one column says whether
    /// the server's run is the one in which the mark was found.
    static func preamble(_ run: ServerRun) -> String {
        let settings = [
            ("enable_sort", "off"), ("enable_seqscan", "off"), ("enable_bitmapscan", "off"),
            ("max_parallel_workers_per_gather", "0"), ("jit", "off"), ("row_security", "off"),
        ]
        let set = settings.map { "set_config('\($0)', '\($1)', true)" }.joined(separator: ", ")
        return "SELECT (CASE WHEN \(run.isCurrentSQL) THEN 'same' ELSE 'over' END), \(set)"
    }
}
