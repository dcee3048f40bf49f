/// The store's tables as the contract has them.
enum SampleStoreTables {
    static func ddl(payload: String) -> String {
        """
        CREATE TABLE events (
            global_position bigserial PRIMARY KEY, event_id uuid UNIQUE, stream_id text NOT NULL,
            stream_version integer NOT NULL, event_type text NOT NULL, event_data \(payload) NOT NULL,
            metadata \(payload), "timestamp" timestamptz NOT NULL, UNIQUE (stream_id, stream_version)
        );
        CREATE TABLE streams (stream_id text PRIMARY KEY, version integer NOT NULL, last_updated timestamptz);
        """
    }
}
