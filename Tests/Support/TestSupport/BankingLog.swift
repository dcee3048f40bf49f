public import Postgres

/// A log of bank accounts with everything that amounts and versions can be, and what its read models are by plain SQL
/// over the events: PostgreSQL's own arithmetic, no code of the projections.
public enum BankingLog {
    /// INSERTs of events in the shapes that programs of all versions wrote, positions in order.
    ///
    /// - Parameters:
    ///   - events: how many.
    ///   - seed: other seeds give other logs; their streams differ, so that one may follow the other.
    ///   - json: the type of the store's payloads and metadata.
    public static func insert(events: Int, seed: Int = 1, json: String = "json") -> String {
        """
        INSERT INTO public.events (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
        SELECT gen_random_uuid(), 'banking-\(seed)-' || n, 1, 'account.' || kind,
            (CASE
                WHEN kind = 'closed' THEN format('{"account_id":"%s"}', account)
                WHEN kind = 'opened' AND version = 1 THEN format('{"account_id":"%s","deposit":%s}', account, amount)
                WHEN kind = 'opened' AND version = 2 THEN
                    format('{"deposit":%s,"account_id":"%s","overdraft_limit":%s}', amount, account, n % 100)
                WHEN kind = 'opened' THEN
                    format('{"account_id":"%s","initial_deposit":%s,"overdraft_limit":"%s.50"}', account,
                           CASE WHEN n % 3 = 0 THEN '0' ELSE amount END, n % 100)
                ELSE format('{"account_id":"%s","amount":%s}', account, amount)
            END)::\(json),
            (CASE WHEN kind <> 'opened' THEN CASE WHEN n % 2 = 0 THEN '{"type_version":1}' END
                  WHEN version = 1 AND n % 2 = 0 THEN '{"user_id":"u"}'
                  ELSE format('{"user_id":"u","type_version":%s}', version) END)::\(json),
            timestamptz '2024-02-20 00:00:00+00' + make_interval(mins => (n * 7 - h / 7 % 3000)::int)
        FROM (
            SELECT n, h, 'acc-' || h % 60 AS account, 1 + h / 64 % 3 AS version,
                (ARRAY['opened', 'deposited', 'withdrawn', 'deposited', 'withdrawn', 'deposited', 'withdrawn',
                       'deposited', 'closed', 'withdrawn'])[1 + h / 256 % 10] AS kind,
                (ARRAY['0.1', '0.2', '1e2', '1.10', '"0.30"', '12.345678', '7', '123456789012345678901234567',
                       '0.00000001', '1000', '99.99', '5E-1', '"1e1"'])[1 + h / 4096 % 13] AS amount
            FROM (SELECT n, abs(hashint8(n * 31 + \(seed))::bigint) AS h FROM generate_series(1, \(events)) AS n) AS drawn
        ) AS events ORDER BY n
        """
    }

    /// The views' rows by plain SQL: an account's last opening and what followed it; each day's movements.
    ///
    /// - Parameter refused: positions to leave out.
    private static func expected(_ refused: Set<Int64>) -> (balances: String, totals: String) {
        let left = ([0] + refused.sorted()).map(String.init).joined(separator: ", ")
        let movements = """
            WITH e AS (
                SELECT global_position AS p, event_type AS kind, "timestamp" AS at, event_data->>'account_id' AS account,
                    coalesce(event_data->>'amount', event_data->>'initial_deposit', event_data->>'deposit')::numeric
                        AS amount,
                    coalesce((event_data->>'overdraft_limit')::numeric, 0) AS overdraft
                FROM public.events WHERE event_type LIKE 'account.%' AND global_position NOT IN (\(left))
            )
            """
        let balances = """
            \(movements), opened AS (
                SELECT DISTINCT ON (account) * FROM e WHERE kind = 'account.opened' ORDER BY account, p DESC
            )
            SELECT o.account, o.amount + coalesce(sum(CASE e.kind WHEN 'account.deposited' THEN e.amount
                                                                  WHEN 'account.withdrawn' THEN -e.amount END), 0),
                o.overdraft, bool_and(e.kind IS DISTINCT FROM 'account.closed'),
                (o.amount > 0)::int + count(*) FILTER (WHERE e.kind IN ('account.deposited', 'account.withdrawn')),
                o.at, (array_agg(e.at ORDER BY e.p DESC) FILTER (WHERE e.kind = 'account.closed'))[1],
                coalesce((array_agg(e.at ORDER BY e.p DESC) FILTER (WHERE e.p IS NOT NULL))[1], o.at)
            FROM opened o LEFT JOIN e ON e.account = o.account AND e.p > o.p
            GROUP BY o.account, o.amount, o.overdraft, o.at
            """
        let totals = """
            \(movements)
            SELECT (at AT TIME ZONE 'UTC')::date, coalesce(sum(amount) FILTER (WHERE kind <> 'account.withdrawn'), 0),
                coalesce(sum(amount) FILTER (WHERE kind = 'account.withdrawn'), 0),
                sum(CASE kind WHEN 'account.withdrawn' THEN -amount ELSE amount END), count(*)
            FROM e WHERE amount > 0 GROUP BY 1
            """
        return (balances, totals)
    }

    /// How many rows the two views have that they should not have, or lack; and how many they have.
    public static func differences(
        _ connection: PostgresConnection,
        refused: Set<Int64> = []
    ) async throws -> (wrong: Int64, rows: Int64) {
        let expected = expected(refused)
        var (wrong, count): (Int64, Int64) = (0, 0)
        for (view, sql) in [("account_balances", expected.balances), ("daily_totals", expected.totals)] {
            let rows = try await connection.query(
                """
                SELECT (SELECT count(*) FROM ((TABLE read_models.\(view)) EXCEPT (\(sql))) AS a)
                     + (SELECT count(*) FROM ((\(sql)) EXCEPT (TABLE read_models.\(view))) AS b),
                       (SELECT count(*) FROM read_models.\(view))
                """
            )
            wrong += try rows.int64(0, 0)
            count += try rows.int64(0, 1)
        }
        return (wrong, count)
    }

    /// A digest of both views, exact to the last digit as PostgreSQL shows it.
    public static func digest(_ connection: PostgresConnection) async throws -> String {
        try await connection.query(
            """
            SELECT (SELECT md5(string_agg(v::text, E'\\n' ORDER BY account_id COLLATE "C"))
                    FROM read_models.account_balances v) || ' '
                || (SELECT md5(string_agg(v::text, E'\\n' ORDER BY day)) FROM read_models.daily_totals v)
            """
        ).text(0, 0)
    }
}
