-- A database as the last version of refold left it that owned generations by advisory locks and counted epochs: live,
-- kept and half-built generations, user_profiles folded under the policy skip. Made with pg_dump --inserts.
CREATE SCHEMA read_models;
CREATE SCHEMA refold;
CREATE SCHEMA refold_data;
CREATE FUNCTION refold.advance(of_generation bigint, from_position bigint, to_position bigint, owner_epoch bigint, applied bigint, at_rate double precision) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE refold.checkpoints
       SET position = to_position, events = events + applied, rate = coalesce(at_rate, rate),
           heartbeat_at = clock_timestamp()
     WHERE generation = of_generation AND position = from_position AND epoch = owner_epoch;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'generation % has another owner or stands elsewhere', of_generation
            USING ERRCODE = 'RF001';
    END IF;
END $$;
CREATE TABLE public.events (
    global_position bigint NOT NULL,
    event_id uuid NOT NULL,
    stream_id text NOT NULL,
    stream_version integer NOT NULL,
    event_type text NOT NULL,
    event_data json NOT NULL,
    metadata json,
    "timestamp" timestamp with time zone DEFAULT now() NOT NULL
);
CREATE SEQUENCE public.events_global_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.events_global_position_seq OWNED BY public.events.global_position;
CREATE TABLE public.streams (
    stream_id text NOT NULL,
    version integer NOT NULL,
    last_updated timestamp with time zone NOT NULL
);
CREATE TABLE refold.projections (
    name text NOT NULL,
    live bigint,
    kept bigint,
    revision bigint DEFAULT 0 NOT NULL,
    pointed_at timestamp with time zone
);
CREATE TABLE refold_data.account_balances_a12e7434 (
    generation bigint NOT NULL,
    account_id text NOT NULL,
    balance numeric NOT NULL,
    overdraft_limit numeric NOT NULL,
    is_active boolean NOT NULL,
    transactions bigint NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    last_activity timestamp with time zone NOT NULL,
    _position bigint NOT NULL
)
PARTITION BY LIST (generation);
CREATE VIEW read_models.account_balances AS
 SELECT account_balances_a12e7434.account_id,
    account_balances_a12e7434.balance,
    account_balances_a12e7434.overdraft_limit,
    account_balances_a12e7434.is_active,
    account_balances_a12e7434.transactions,
    account_balances_a12e7434.opened_at,
    account_balances_a12e7434.closed_at,
    account_balances_a12e7434.last_activity
   FROM refold_data.account_balances_a12e7434
  WHERE (account_balances_a12e7434.generation = ( SELECT projections.live
           FROM refold.projections
          WHERE (projections.name = 'account_balances'::text)));
CREATE TABLE refold_data.content_popularity_76c69abd (
    generation bigint NOT NULL,
    content_id text NOT NULL,
    title text,
    genre text,
    total_views bigint NOT NULL,
    total_watch_time bigint NOT NULL,
    average_completion_rate double precision NOT NULL,
    unique_viewers bigint NOT NULL,
    rating_average double precision NOT NULL,
    rating_count bigint NOT NULL,
    trending_score double precision,
    last_updated timestamp with time zone NOT NULL,
    completion_sum double precision NOT NULL,
    rating_sum double precision NOT NULL,
    _position bigint NOT NULL
)
PARTITION BY LIST (generation);
CREATE VIEW read_models.content_popularity AS
 SELECT content_popularity_76c69abd.content_id,
    content_popularity_76c69abd.title,
    content_popularity_76c69abd.genre,
    content_popularity_76c69abd.total_views,
    content_popularity_76c69abd.total_watch_time,
    content_popularity_76c69abd.average_completion_rate,
    content_popularity_76c69abd.unique_viewers,
    content_popularity_76c69abd.rating_average,
    content_popularity_76c69abd.rating_count,
    content_popularity_76c69abd.trending_score,
    content_popularity_76c69abd.last_updated
   FROM refold_data.content_popularity_76c69abd
  WHERE (content_popularity_76c69abd.generation = ( SELECT projections.live
           FROM refold.projections
          WHERE (projections.name = 'content_popularity'::text)));
CREATE TABLE refold_data.daily_totals_e129fa47 (
    generation bigint NOT NULL,
    day date NOT NULL,
    deposits numeric NOT NULL,
    withdrawals numeric NOT NULL,
    net numeric NOT NULL,
    count bigint NOT NULL,
    _position bigint NOT NULL
)
PARTITION BY LIST (generation);
CREATE VIEW read_models.daily_totals AS
 SELECT daily_totals_e129fa47.day,
    daily_totals_e129fa47.deposits,
    daily_totals_e129fa47.withdrawals,
    daily_totals_e129fa47.net,
    daily_totals_e129fa47.count
   FROM refold_data.daily_totals_e129fa47
  WHERE (daily_totals_e129fa47.generation = ( SELECT projections.live
           FROM refold.projections
          WHERE (projections.name = 'daily_totals'::text)));
CREATE TABLE refold_data.trending_score_9e798fef (
    generation bigint NOT NULL,
    content_id text NOT NULL,
    genre text,
    score double precision NOT NULL,
    last_watched timestamp with time zone NOT NULL,
    _position bigint NOT NULL
)
PARTITION BY LIST (generation);
CREATE VIEW read_models.trending_score AS
 SELECT trending_score_9e798fef.content_id,
    trending_score_9e798fef.genre,
    trending_score_9e798fef.score,
    trending_score_9e798fef.last_watched
   FROM refold_data.trending_score_9e798fef
  WHERE (trending_score_9e798fef.generation = ( SELECT projections.live
           FROM refold.projections
          WHERE (projections.name = 'trending_score'::text)));
CREATE TABLE refold_data.user_profiles_c525acd4 (
    generation bigint NOT NULL,
    user_id text NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    subscription_plan text NOT NULL,
    preferences jsonb NOT NULL,
    total_watch_time bigint NOT NULL,
    favorite_genres jsonb NOT NULL,
    last_active timestamp with time zone NOT NULL,
    registration_date timestamp with time zone NOT NULL,
    is_premium boolean NOT NULL,
    _position bigint NOT NULL
)
PARTITION BY LIST (generation);
CREATE VIEW read_models.user_profiles AS
 SELECT user_profiles_c525acd4.user_id,
    user_profiles_c525acd4.email,
    user_profiles_c525acd4.name,
    user_profiles_c525acd4.subscription_plan,
    user_profiles_c525acd4.preferences,
    user_profiles_c525acd4.total_watch_time,
    user_profiles_c525acd4.favorite_genres,
    user_profiles_c525acd4.last_active,
    user_profiles_c525acd4.registration_date,
    user_profiles_c525acd4.is_premium
   FROM refold_data.user_profiles_c525acd4
  WHERE (user_profiles_c525acd4.generation = ( SELECT projections.live
           FROM refold.projections
          WHERE (projections.name = 'user_profiles'::text)));
CREATE TABLE refold.checkpoints (
    generation bigint NOT NULL,
    "position" bigint DEFAULT 0 NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    events bigint DEFAULT 0 NOT NULL,
    rate double precision,
    owner_host text,
    owner_pid integer,
    owner_since timestamp with time zone,
    heartbeat_at timestamp with time zone
)
WITH (fillfactor='40');
CREATE TABLE refold.dead_letters (
    projection text NOT NULL,
    generation bigint NOT NULL,
    "position" bigint NOT NULL,
    event_id uuid,
    event_type text NOT NULL,
    error text NOT NULL,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE SEQUENCE refold.generation_numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE refold.generations (
    generation bigint NOT NULL,
    projection text NOT NULL,
    version integer NOT NULL,
    identity text NOT NULL,
    state text NOT NULL,
    phase text NOT NULL,
    target bigint,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    pointed_at timestamp with time zone,
    left_at timestamp with time zone,
    left_xid xid8,
    stopped_at bigint,
    cause text,
    last_error text,
    last_error_at timestamp with time zone,
    CONSTRAINT generations_phase_check CHECK ((phase = ANY (ARRAY['memory'::text, 'settled'::text]))),
    CONSTRAINT generations_state_check CHECK ((state = ANY (ARRAY['building'::text, 'ready'::text, 'pointed'::text, 'retired'::text])))
);
CREATE TABLE refold.holes (
    log text NOT NULL,
    after bigint NOT NULL,
    through bigint NOT NULL,
    events bigint NOT NULL,
    looks smallint DEFAULT 0 NOT NULL,
    passed_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone NOT NULL
);
CREATE TABLE refold.imports (
    log text NOT NULL,
    first_line bigint NOT NULL,
    bytes bigint NOT NULL,
    lines bigint NOT NULL,
    digest bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE refold.late_events (
    log text NOT NULL,
    "position" bigint NOT NULL,
    found_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE refold.logs (
    log text NOT NULL,
    mark bigint NOT NULL,
    system_identifier bigint,
    timeline bigint NOT NULL,
    database_oid oid NOT NULL,
    events_oid oid NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE refold.snapshots (
    log text NOT NULL,
    stream_id text NOT NULL,
    version integer NOT NULL,
    schema_version integer NOT NULL,
    event_id uuid NOT NULL,
    state json NOT NULL,
    digest bytea NOT NULL,
    taken_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE refold_data.account_balances_g4 (
    generation bigint DEFAULT 4 NOT NULL,
    account_id text NOT NULL,
    balance numeric NOT NULL,
    overdraft_limit numeric NOT NULL,
    is_active boolean NOT NULL,
    transactions bigint NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    last_activity timestamp with time zone NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 4))
);
CREATE TABLE refold_data.account_balances_g9 (
    generation bigint DEFAULT 9 NOT NULL,
    account_id text NOT NULL,
    balance numeric NOT NULL,
    overdraft_limit numeric NOT NULL,
    is_active boolean NOT NULL,
    transactions bigint NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    last_activity timestamp with time zone NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 9))
);
CREATE TABLE refold_data.content_popularity_g12_versions (
    generation bigint DEFAULT 12 NOT NULL,
    content_id text NOT NULL,
    title text,
    genre text,
    total_views bigint NOT NULL,
    total_watch_time bigint NOT NULL,
    average_completion_rate double precision NOT NULL,
    unique_viewers bigint NOT NULL,
    rating_average double precision NOT NULL,
    rating_count bigint NOT NULL,
    trending_score double precision,
    last_updated timestamp with time zone NOT NULL,
    completion_sum double precision NOT NULL,
    rating_sum double precision NOT NULL,
    _position bigint NOT NULL,
    _deleted boolean NOT NULL
);
CREATE TABLE refold_data.content_popularity_g2 (
    generation bigint DEFAULT 2 NOT NULL,
    content_id text NOT NULL,
    title text,
    genre text,
    total_views bigint NOT NULL,
    total_watch_time bigint NOT NULL,
    average_completion_rate double precision NOT NULL,
    unique_viewers bigint NOT NULL,
    rating_average double precision NOT NULL,
    rating_count bigint NOT NULL,
    trending_score double precision,
    last_updated timestamp with time zone NOT NULL,
    completion_sum double precision NOT NULL,
    rating_sum double precision NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 2))
);
CREATE TABLE refold_data.content_popularity_g7 (
    generation bigint DEFAULT 7 NOT NULL,
    content_id text NOT NULL,
    title text,
    genre text,
    total_views bigint NOT NULL,
    total_watch_time bigint NOT NULL,
    average_completion_rate double precision NOT NULL,
    unique_viewers bigint NOT NULL,
    rating_average double precision NOT NULL,
    rating_count bigint NOT NULL,
    trending_score double precision,
    last_updated timestamp with time zone NOT NULL,
    completion_sum double precision NOT NULL,
    rating_sum double precision NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 7))
);
CREATE TABLE refold_data.content_viewer_count_8f50ff6a (
    generation bigint NOT NULL,
    id bigint NOT NULL,
    count bigint NOT NULL,
    _position bigint NOT NULL
)
PARTITION BY LIST (generation);
CREATE TABLE refold_data.content_viewer_count_g12_versions (
    generation bigint DEFAULT 12 NOT NULL,
    id bigint NOT NULL,
    count bigint NOT NULL,
    _position bigint NOT NULL,
    _deleted boolean NOT NULL
);
CREATE TABLE refold_data.content_viewer_count_g2 (
    generation bigint DEFAULT 2 NOT NULL,
    id bigint NOT NULL,
    count bigint NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 2))
);
CREATE TABLE refold_data.content_viewer_count_g7 (
    generation bigint DEFAULT 7 NOT NULL,
    id bigint NOT NULL,
    count bigint NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 7))
);
CREATE TABLE refold_data.content_viewer_numbers_f4e4bab6 (
    generation bigint NOT NULL,
    user_id text NOT NULL,
    number bigint NOT NULL,
    _position bigint NOT NULL
)
PARTITION BY LIST (generation);
CREATE TABLE refold_data.content_viewer_numbers_g12_versions (
    generation bigint DEFAULT 12 NOT NULL,
    user_id text NOT NULL,
    number bigint NOT NULL,
    _position bigint NOT NULL,
    _deleted boolean NOT NULL
);
CREATE TABLE refold_data.content_viewer_numbers_g2 (
    generation bigint DEFAULT 2 NOT NULL,
    user_id text NOT NULL,
    number bigint NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 2))
);
CREATE TABLE refold_data.content_viewer_numbers_g7 (
    generation bigint DEFAULT 7 NOT NULL,
    user_id text NOT NULL,
    number bigint NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 7))
);
CREATE TABLE refold_data.content_viewers_cb09ade3 (
    generation bigint NOT NULL,
    content_id text NOT NULL,
    part bigint NOT NULL,
    members bytea NOT NULL,
    _position bigint NOT NULL
)
PARTITION BY LIST (generation);
CREATE TABLE refold_data.content_viewers_g12_versions (
    generation bigint DEFAULT 12 NOT NULL,
    content_id text NOT NULL,
    part bigint NOT NULL,
    members bytea NOT NULL,
    _position bigint NOT NULL,
    _deleted boolean NOT NULL
);
CREATE TABLE refold_data.content_viewers_g2 (
    generation bigint DEFAULT 2 NOT NULL,
    content_id text NOT NULL,
    part bigint NOT NULL,
    members bytea NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 2))
);
CREATE TABLE refold_data.content_viewers_g7 (
    generation bigint DEFAULT 7 NOT NULL,
    content_id text NOT NULL,
    part bigint NOT NULL,
    members bytea NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 7))
);
CREATE TABLE refold_data.daily_totals_g10 (
    generation bigint DEFAULT 10 NOT NULL,
    day date NOT NULL,
    deposits numeric NOT NULL,
    withdrawals numeric NOT NULL,
    net numeric NOT NULL,
    count bigint NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 10))
);
CREATE TABLE refold_data.daily_totals_g5 (
    generation bigint DEFAULT 5 NOT NULL,
    day date NOT NULL,
    deposits numeric NOT NULL,
    withdrawals numeric NOT NULL,
    net numeric NOT NULL,
    count bigint NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 5))
);
CREATE TABLE refold_data.trending_score_g3 (
    generation bigint DEFAULT 3 NOT NULL,
    content_id text NOT NULL,
    genre text,
    score double precision NOT NULL,
    last_watched timestamp with time zone NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 3))
);
CREATE TABLE refold_data.trending_score_g8 (
    generation bigint DEFAULT 8 NOT NULL,
    content_id text NOT NULL,
    genre text,
    score double precision NOT NULL,
    last_watched timestamp with time zone NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 8))
);
CREATE TABLE refold_data.user_profiles_g11 (
    generation bigint DEFAULT 11 NOT NULL,
    user_id text NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    subscription_plan text NOT NULL,
    preferences jsonb NOT NULL,
    total_watch_time bigint NOT NULL,
    favorite_genres jsonb NOT NULL,
    last_active timestamp with time zone NOT NULL,
    registration_date timestamp with time zone NOT NULL,
    is_premium boolean NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 11))
);
CREATE TABLE refold_data.user_profiles_g6 (
    generation bigint DEFAULT 6 NOT NULL,
    user_id text NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    subscription_plan text NOT NULL,
    preferences jsonb NOT NULL,
    total_watch_time bigint NOT NULL,
    favorite_genres jsonb NOT NULL,
    last_active timestamp with time zone NOT NULL,
    registration_date timestamp with time zone NOT NULL,
    is_premium boolean NOT NULL,
    _position bigint NOT NULL,
    CONSTRAINT generation CHECK ((generation = 6))
);
ALTER TABLE ONLY refold_data.account_balances_a12e7434 ATTACH PARTITION refold_data.account_balances_g4 FOR VALUES IN ('4');
ALTER TABLE ONLY refold_data.account_balances_a12e7434 ATTACH PARTITION refold_data.account_balances_g9 FOR VALUES IN ('9');
ALTER TABLE ONLY refold_data.content_popularity_76c69abd ATTACH PARTITION refold_data.content_popularity_g2 FOR VALUES IN ('2');
ALTER TABLE ONLY refold_data.content_popularity_76c69abd ATTACH PARTITION refold_data.content_popularity_g7 FOR VALUES IN ('7');
ALTER TABLE ONLY refold_data.content_viewer_count_8f50ff6a ATTACH PARTITION refold_data.content_viewer_count_g2 FOR VALUES IN ('2');
ALTER TABLE ONLY refold_data.content_viewer_count_8f50ff6a ATTACH PARTITION refold_data.content_viewer_count_g7 FOR VALUES IN ('7');
ALTER TABLE ONLY refold_data.content_viewer_numbers_f4e4bab6 ATTACH PARTITION refold_data.content_viewer_numbers_g2 FOR VALUES IN ('2');
ALTER TABLE ONLY refold_data.content_viewer_numbers_f4e4bab6 ATTACH PARTITION refold_data.content_viewer_numbers_g7 FOR VALUES IN ('7');
ALTER TABLE ONLY refold_data.content_viewers_cb09ade3 ATTACH PARTITION refold_data.content_viewers_g2 FOR VALUES IN ('2');
ALTER TABLE ONLY refold_data.content_viewers_cb09ade3 ATTACH PARTITION refold_data.content_viewers_g7 FOR VALUES IN ('7');
ALTER TABLE ONLY refold_data.daily_totals_e129fa47 ATTACH PARTITION refold_data.daily_totals_g10 FOR VALUES IN ('10');
ALTER TABLE ONLY refold_data.daily_totals_e129fa47 ATTACH PARTITION refold_data.daily_totals_g5 FOR VALUES IN ('5');
ALTER TABLE ONLY refold_data.trending_score_9e798fef ATTACH PARTITION refold_data.trending_score_g3 FOR VALUES IN ('3');
ALTER TABLE ONLY refold_data.trending_score_9e798fef ATTACH PARTITION refold_data.trending_score_g8 FOR VALUES IN ('8');
ALTER TABLE ONLY refold_data.user_profiles_c525acd4 ATTACH PARTITION refold_data.user_profiles_g11 FOR VALUES IN ('11');
ALTER TABLE ONLY refold_data.user_profiles_c525acd4 ATTACH PARTITION refold_data.user_profiles_g6 FOR VALUES IN ('6');
ALTER TABLE ONLY public.events ALTER COLUMN global_position SET DEFAULT nextval('public.events_global_position_seq'::regclass);
INSERT INTO public.events VALUES (1, 'fd7725ec-e0ad-4169-a553-388c91cd4bdb', 'user-käthe:1', 1, 'content.watched', '{"user_id":"käthe:1","content_id":"top","watch_duration_seconds":3600,"completion_percentage":50}', '{"correlation_id":"54e8536e-395b-44e3-95e3-a2778d06922d","user_agent":"Mozilla/5.0 (Macintosh) Safari/17.6","ip":"203.0.113.112"}', '2026-01-10 15:21:03.189257+00');
INSERT INTO public.events VALUES (2, '09f19c7f-b199-436b-aec1-151f5280cf85', 'content-genre:drama', 1, 'content.rated', '{"user_id":"käthe:1","content_id":"genre:drama","rating":4.5}', '{"correlation_id":"9b46143c-3707-4e0f-96d8-199c01c84cbf","user_agent":"Mozilla/5.0 (Macintosh) Safari/17.6","ip":"203.0.113.152"}', '2026-01-22 21:45:50.558241+00');
INSERT INTO public.events VALUES (3, 'd31013f9-e58e-4dce-8c84-319bb11eaacc', 'user-käthe:1', 2, 'content.watched', '{"user_id":"käthe:1","content_id":"genre:drama","watch_duration_seconds":60,"completion_percentage":0,"genre":"drama","title":"Quoted \"Title\" \\ back"}', '{"correlation_id":"e3a63fed-4c56-4c83-8963-f4ecaf8367e1","user_agent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0","ip":"203.0.113.80"}', '2026-01-28 18:24:05.150678+00');
INSERT INTO public.events VALUES (4, 'cc6c913b-cbef-4718-ad3f-ca52c0963a4c', 'user-käthe:1', 3, 'content.watched', '{"user_id":"käthe:1","content_id":"","watch_duration_seconds":0,"completion_percentage":100,"genre":"","title":""}', '{"correlation_id":"c6abaf5c-090c-4a22-b432-d8b00e24becb","user_agent":"VideoApp/7.4.1 (iPhone; iOS 18.1)","ip":"203.0.113.136"}', '2026-02-09 02:37:56.585168+00');
INSERT INTO public.events VALUES (5, '5e00e07b-bbfd-42e7-830f-fc4aa19063f6', 'content-', 1, 'content.rated', '{"user_id":"käthe:1","content_id":"","rating":1}', '{"correlation_id":"ceb5dbad-4a1e-4a7e-9540-d40977deacc3","user_agent":"Mozilla/5.0 (Macintosh) Safari/17.6","ip":"203.0.113.40"}', '2026-02-20 23:22:25.801892+00');
INSERT INTO public.events VALUES (6, 'a4f73e92-bfc7-4182-9c16-3de9c324ce7c', 'content-it''s "quoted"', 1, 'content.rated', '{"user_id":"käthe:1","content_id":"it''s \"quoted\"","rating":5.0}', '{"correlation_id":"0f5099ec-4fb4-46d3-b5e4-1b054a0567bc","user_agent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0","ip":"203.0.113.128"}', '2026-02-27 23:52:28.206339+00');
INSERT INTO public.events VALUES (7, 'abda2ea7-3f5b-4673-8738-17e6ae4e138a', 'user-', 1, 'content.watched', '{"user_id":"","content_id":"it\u0027s \u0022quoted\u0022","watch_duration_seconds":7,"completion_percentage":33.333333333333336,"title":"Caf\u00e9 \ud83c\udfac"}', '{"correlation_id":"d2a5509e-01b2-4f4b-8580-2fd30ed6d3c7","user_agent":"VideoApp/7.4.1 (iPhone; iOS 18.1)","ip":"203.0.113.46"}', '2026-03-06 10:57:25.393699+00');
INSERT INTO public.events VALUES (8, '418e368d-2f80-4e2b-ad00-a348a7a8fbad', 'user-', 2, 'user.registered', '{"user_id":"","email":"nobody@example.com","name":"","initial_preferences":["", "drama", "drama"],"registration_timestamp":"2026-01-01T00:00:00Z"}', '{"correlation_id":"c2e59dbe-5fd0-4234-b166-ef960b94e6b6","user_agent":"VideoTV/3.12 (webOS 8)","ip":"203.0.113.168"}', '2026-03-10 23:11:05.700327+00');
INSERT INTO public.events VALUES (9, '692d076b-054b-419a-bd9e-8c0023e52396', 'user-', 3, 'user.subscribed', '{"user_id":"","plan":"","payment_method":"gift","subscription_timestamp":"2026-01-01T00:00:00+01:00"}', '{"correlation_id":"f3d17c1f-6ef8-4670-bfd6-0481172fc599","user_agent":"VideoTV/3.12 (webOS 8)","ip":"203.0.113.202"}', '2026-03-11 17:03:30.39502+00');
INSERT INTO public.events VALUES (10, '8d7311f2-04df-40bf-b23d-ea9bdeef0af4', 'user-', 4, 'user.subscribed', '{"user_id":"","plan":"free","payment_method":"gift","subscription_timestamp":"2026-01-01T00:00:00+01:00"}', '{"correlation_id":"b3434ee5-bbda-41b7-b5f4-bba4ae9cef5f","user_agent":"VideoApp/7.4.0 (Android 15)","ip":"203.0.113.24"}', '2026-03-14 03:32:28.204285+00');
INSERT INTO public.events VALUES (11, '2457a365-850d-4af2-9574-693f8b1e94c5', 'user-O''Brien "the first"', 1, 'user.subscribed', '{"user_id":"O''Brien \"the first\"","plan":"premium","payment_method":"gift","subscription_timestamp":"2026-01-01T00:00:00+01:00"}', '{"correlation_id":"517a3b8e-52dc-423c-872f-716f4e65e90d","user_agent":"VideoApp/7.4.1 (iPhone; iOS 18.1)","ip":"203.0.113.88"}', '2026-03-21 19:12:12.96899+00');
INSERT INTO public.events VALUES (12, '7ebdf759-9e0d-4b70-9360-d8305daf845e', 'user-O''Brien "the first"', 2, 'user.preferences_updated', '{"user_id":"O''Brien \"the first\"","old_preferences":null,"new_preferences":["lost"],"update_timestamp":"2026-01-01T00:00:00.5Z"}', '{"correlation_id":"4730d9f9-0177-4df6-aa3a-ecb5504620a4","user_agent":"VideoApp/7.4.1 (iPhone; iOS 18.1)","ip":"203.0.113.145"}', '2026-03-27 03:53:00.184636+00');
INSERT INTO public.events VALUES (13, '5b530013-04ef-42b7-be15-582cb5176153', 'user-O''Brien "the first"', 3, 'user.registered', '{"user_id":"O''Brien \"the first\"","email":"ó@bücher.example","name":"Seán Ó Briain 👩‍👩‍👧","initial_preferences":["élan", "zebra", "Zebra"],"registration_timestamp":"2026-01-01T00:00:00Z"}', '{"correlation_id":"7b1557ae-242c-4083-b169-92a30af9a6f1","user_agent":"Mozilla/5.0 (Macintosh) Safari/17.6","ip":"203.0.113.221"}', '2026-04-01 20:59:57.340432+00');
INSERT INTO public.events VALUES (14, '0b7d42db-e4c6-4fa8-9787-da3d7d7a0618', 'user-O''Brien "the first"', 4, 'user.subscribed', '{"user_id":"O''Brien \"the first\"","plan":"premium","payment_method":"gift","subscription_timestamp":"2026-01-01T00:00:00+01:00"}', '{"correlation_id":"beb6cb8d-3a36-4364-9b3f-74c634152442","user_agent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0","ip":"203.0.113.27"}', '2026-04-05 21:27:36.935736+00');
INSERT INTO public.events VALUES (15, '69c60e4d-92b1-4c98-a2a1-34d0913dd16b', 'user-käthe:1', 4, 'content.watched', '{"user_id":"käthe:1","content_id":"top","watch_duration_seconds":3600,"completion_percentage":50}', '{"correlation_id":"bf6f57f6-6006-436b-af73-3df317353d3f","user_agent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0","ip":"203.0.113.141"}', '2026-04-21 15:54:39.838029+00');
INSERT INTO public.events VALUES (16, 'e4356661-e07a-46d0-bed9-504f2ef83203', 'content-genre:drama', 2, 'content.rated', '{"user_id":"käthe:1","content_id":"genre:drama","rating":4.5}', '{"correlation_id":"dfb66de1-b0a2-48d1-94a2-48350f83b54b","user_agent":"VideoApp/7.4.0 (Android 15)","ip":"203.0.113.233"}', '2026-05-07 12:39:25.895892+00');
INSERT INTO public.events VALUES (17, 'de3290ac-a68a-4fb5-82d2-5685ac423d98', 'user-käthe:1', 5, 'content.watched', '{"user_id":"käthe:1","content_id":"genre:drama","watch_duration_seconds":60,"completion_percentage":0,"genre":"drama","title":"Quoted \"Title\" \\ back"}', '{"correlation_id":"c76387b1-e9b4-4787-868e-1d541cd9ebeb","user_agent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0","ip":"203.0.113.75"}', '2026-06-01 08:09:00.122072+00');
INSERT INTO public.events VALUES (18, '0c2c2ffc-01e0-4ecf-8c94-b6f8b7c3e158', 'user-käthe:1', 6, 'content.watched', '{"user_id":"käthe:1","content_id":"","watch_duration_seconds":0,"completion_percentage":100,"genre":"","title":""}', '{"correlation_id":"0309a956-ce14-4a95-aea0-29ef8fe68d65","user_agent":"VideoApp/7.4.0 (Android 15)","ip":"203.0.113.99"}', '2026-06-02 17:41:35.306086+00');
INSERT INTO public.events VALUES (19, 'f40a80d5-8903-43b8-a773-efb813acfafa', 'content-', 2, 'content.rated', '{"user_id":"käthe:1","content_id":"","rating":1}', '{"correlation_id":"75270bc6-5a53-4965-a235-0201f9cc0c4e","user_agent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0","ip":"203.0.113.153"}', '2026-06-23 21:16:44.115241+00');
INSERT INTO public.events VALUES (20, '2f30cd38-61fe-459c-ad24-9fca1082cc52', 'content-it''s "quoted"', 2, 'content.rated', '{"user_id":"käthe:1","content_id":"it''s \"quoted\"","rating":5.0}', '{"correlation_id":"1b438cdc-b466-48ae-a65e-00f8191f5b8a","user_agent":"VideoApp/7.4.1 (iPhone; iOS 18.1)","ip":"203.0.113.70"}', '2026-07-04 07:03:41.975947+00');
INSERT INTO public.streams VALUES ('user-O''Brien "the first"', 4, '2026-04-05 21:27:36.935736+00');
INSERT INTO public.streams VALUES ('user-', 4, '2026-03-14 03:32:28.204285+00');
INSERT INTO public.streams VALUES ('user-käthe:1', 6, '2026-06-02 17:41:35.306086+00');
INSERT INTO public.streams VALUES ('content-genre:drama', 2, '2026-05-07 12:39:25.895892+00');
INSERT INTO public.streams VALUES ('content-', 2, '2026-06-23 21:16:44.115241+00');
INSERT INTO public.streams VALUES ('content-it''s "quoted"', 2, '2026-07-04 07:03:41.975947+00');
INSERT INTO refold.checkpoints VALUES (2, 14, 3, 7, 395.9852750047023, NULL, NULL, NULL, '2026-11-21 18:17:28.78268+00');
INSERT INTO refold.checkpoints VALUES (7, 14, 2, 7, 1713.2029700086687, NULL, NULL, NULL, '2026-11-21 18:17:29.290298+00');
INSERT INTO refold.checkpoints VALUES (6, 14, 3, 11, 571.4868185526234, NULL, NULL, NULL, '2026-11-21 18:17:29.288725+00');
INSERT INTO refold.checkpoints VALUES (11, 20, 2, 14, 2646.728482900905, NULL, NULL, NULL, '2026-11-21 18:17:29.781534+00');
INSERT INTO refold.checkpoints VALUES (12, 17, 1, 10, 317.3153194695732, NULL, NULL, NULL, '2026-11-21 18:17:30.119897+00');
INSERT INTO refold.checkpoints VALUES (4, 14, 3, 0, 0, NULL, NULL, NULL, '2026-11-21 18:17:28.784444+00');
INSERT INTO refold.checkpoints VALUES (3, 14, 3, 4, 280.75554123702295, NULL, NULL, NULL, '2026-11-21 18:17:28.783907+00');
INSERT INTO refold.checkpoints VALUES (9, 14, 2, 0, 0, NULL, NULL, NULL, '2026-11-21 18:17:29.29156+00');
INSERT INTO refold.checkpoints VALUES (8, 14, 2, 4, 238.83049483290225, NULL, NULL, NULL, '2026-11-21 18:17:29.295279+00');
INSERT INTO refold.checkpoints VALUES (5, 14, 3, 0, 0, NULL, NULL, NULL, '2026-11-21 18:17:28.783739+00');
INSERT INTO refold.checkpoints VALUES (10, 14, 2, 0, 0, NULL, NULL, NULL, '2026-11-21 18:17:29.290127+00');
INSERT INTO refold.generations VALUES (9, 'account_balances', 1, '733f2a9adc3c9e871b0f141d6dd5f870', 'pointed', 'settled', 14, '2026-11-21 18:17:29.235197+00', '2026-11-21 18:17:29.36774+00', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO refold.generations VALUES (4, 'account_balances', 1, '733f2a9adc3c9e871b0f141d6dd5f870', 'pointed', 'settled', 14, '2026-11-21 18:17:28.721242+00', '2026-11-21 18:17:28.902451+00', '2026-11-21 18:17:29.367845+00', '8593', NULL, NULL, NULL, NULL);
INSERT INTO refold.generations VALUES (8, 'trending_score', 1, '8ae720eff521bedea09682021821461e', 'pointed', 'settled', 14, '2026-11-21 18:17:29.223111+00', '2026-11-21 18:17:29.368596+00', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO refold.generations VALUES (3, 'trending_score', 1, '8ae720eff521bedea09682021821461e', 'pointed', 'settled', 14, '2026-11-21 18:17:28.720205+00', '2026-11-21 18:17:28.88696+00', '2026-11-21 18:17:29.368681+00', '8592', NULL, NULL, NULL, NULL);
INSERT INTO refold.generations VALUES (10, 'daily_totals', 1, '693aa86ea4e808ed95d1aa6d1147fef6', 'pointed', 'settled', 14, '2026-11-21 18:17:29.243095+00', '2026-11-21 18:17:29.413683+00', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO refold.generations VALUES (5, 'daily_totals', 1, '693aa86ea4e808ed95d1aa6d1147fef6', 'pointed', 'settled', 14, '2026-11-21 18:17:28.72207+00', '2026-11-21 18:17:28.891441+00', '2026-11-21 18:17:29.413921+00', '8599', NULL, NULL, NULL, NULL);
INSERT INTO refold.generations VALUES (7, 'content_popularity', 1, '1571ebf003c603f7e70e74b9a584d28f', 'pointed', 'settled', 14, '2026-11-21 18:17:29.219419+00', '2026-11-21 18:17:29.504989+00', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO refold.generations VALUES (2, 'content_popularity', 1, '1571ebf003c603f7e70e74b9a584d28f', 'pointed', 'settled', 14, '2026-11-21 18:17:28.718071+00', '2026-11-21 18:17:29.019142+00', '2026-11-21 18:17:29.505083+00', '8606', NULL, NULL, NULL, NULL);
INSERT INTO refold.generations VALUES (11, 'user_profiles', 1, 'e6c268786aec6f02a5e59cc966818ece', 'pointed', 'settled', 20, '2026-11-21 18:17:29.739561+00', '2026-11-21 18:17:29.83308+00', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO refold.generations VALUES (6, 'user_profiles', 1, '7ec8bfc6c7fcb6013fe8238e92654b85', 'pointed', 'settled', 14, '2026-11-21 18:17:29.202449+00', '2026-11-21 18:17:29.381043+00', '2026-11-21 18:17:29.833216+00', '8614', NULL, NULL, NULL, NULL);
INSERT INTO refold.generations VALUES (12, 'content_popularity', 1, '1571ebf003c603f7e70e74b9a584d28f', 'building', 'memory', 17, '2026-11-21 18:17:30.06512+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO refold.logs VALUES ('"public"."events"', 20, 7710687915586828361, 1, 52634, 52636, '2026-11-21 18:17:29.775727+00');
INSERT INTO refold.projections VALUES ('account_balances', 9, 4, 2, '2026-11-21 18:17:29.367434+00');
INSERT INTO refold.projections VALUES ('trending_score', 8, 3, 2, '2026-11-21 18:17:29.36832+00');
INSERT INTO refold.projections VALUES ('daily_totals', 10, 5, 2, '2026-11-21 18:17:29.405686+00');
INSERT INTO refold.projections VALUES ('content_popularity', 7, 2, 2, '2026-11-21 18:17:29.504768+00');
INSERT INTO refold.projections VALUES ('user_profiles', 11, 6, 3, '2026-11-21 18:17:29.832502+00');
INSERT INTO refold_data.content_popularity_g12_versions VALUES (12, '', '', '', 1, 0, 100, 1, 1, 1, 2231.1096826987036, '2026-02-20 23:22:25.801892+00', 100, 1, 5, false);
INSERT INTO refold_data.content_popularity_g12_versions VALUES (12, 'genre:drama', 'Quoted "Title" \ back', 'drama', 2, 120, 0, 1, 4.5, 2, 2343.3634314881583, '2026-06-01 08:09:00.122072+00', 0, 9, 17, false);
INSERT INTO refold_data.content_popularity_g12_versions VALUES (12, 'it''s "quoted"', 'Café 🎬', NULL, 1, 7, 33.333333333333336, 1, 5, 1, 2256.459346425124, '2026-03-06 10:57:25.393699+00', 33.333333333333336, 5, 7, false);
INSERT INTO refold_data.content_popularity_g12_versions VALUES (12, 'top', NULL, NULL, 2, 7200, 50, 1, 0, 0, 2303.6629610882987, '2026-04-21 15:54:39.838029+00', 100, 0, 15, false);
INSERT INTO refold_data.content_popularity_g2 VALUES (2, '', '', '', 1, 0, 100, 1, 1, 1, 2231.1096826987036, '2026-02-20 23:22:25.801892+00', 100, 1, 5);
INSERT INTO refold_data.content_popularity_g2 VALUES (2, 'genre:drama', 'Quoted "Title" \ back', 'drama', 1, 60, 0, 1, 4.5, 1, 2219.79057302295, '2026-01-28 18:24:05.150678+00', 0, 4.5, 3);
INSERT INTO refold_data.content_popularity_g2 VALUES (2, 'it''s "quoted"', 'Café 🎬', NULL, 1, 7, 33.333333333333336, 1, 5, 1, 2256.459346425124, '2026-03-06 10:57:25.393699+00', 33.333333333333336, 5, 7);
INSERT INTO refold_data.content_popularity_g2 VALUES (2, 'top', NULL, NULL, 1, 3600, 50, 1, 0, 0, 2202.63962024603, '2026-01-10 15:21:03.189257+00', 50, 0, 1);
INSERT INTO refold_data.content_popularity_g7 VALUES (7, '', '', '', 1, 0, 100, 1, 1, 1, 2231.1096826987036, '2026-02-20 23:22:25.801892+00', 100, 1, 5);
INSERT INTO refold_data.content_popularity_g7 VALUES (7, 'genre:drama', 'Quoted "Title" \ back', 'drama', 1, 60, 0, 1, 4.5, 1, 2219.79057302295, '2026-01-28 18:24:05.150678+00', 0, 4.5, 3);
INSERT INTO refold_data.content_popularity_g7 VALUES (7, 'it''s "quoted"', 'Café 🎬', NULL, 1, 7, 33.333333333333336, 1, 5, 1, 2256.459346425124, '2026-03-06 10:57:25.393699+00', 33.333333333333336, 5, 7);
INSERT INTO refold_data.content_popularity_g7 VALUES (7, 'top', NULL, NULL, 1, 3600, 50, 1, 0, 0, 2202.63962024603, '2026-01-10 15:21:03.189257+00', 50, 0, 1);
INSERT INTO refold_data.content_viewer_count_g12_versions VALUES (12, 0, 2, 7, false);
INSERT INTO refold_data.content_viewer_count_g2 VALUES (2, 0, 2, 7);
INSERT INTO refold_data.content_viewer_count_g7 VALUES (7, 0, 2, 7);
INSERT INTO refold_data.content_viewer_numbers_g12_versions VALUES (12, '', 1, 7, false);
INSERT INTO refold_data.content_viewer_numbers_g12_versions VALUES (12, 'käthe:1', 0, 1, false);
INSERT INTO refold_data.content_viewer_numbers_g2 VALUES (2, '', 1, 7);
INSERT INTO refold_data.content_viewer_numbers_g2 VALUES (2, 'käthe:1', 0, 1);
INSERT INTO refold_data.content_viewer_numbers_g7 VALUES (7, '', 1, 7);
INSERT INTO refold_data.content_viewer_numbers_g7 VALUES (7, 'käthe:1', 0, 1);
INSERT INTO refold_data.content_viewers_g12_versions VALUES (12, '', 0, '\x0000', 4, false);
INSERT INTO refold_data.content_viewers_g12_versions VALUES (12, 'top', 0, '\x0000', 1, false);
INSERT INTO refold_data.content_viewers_g12_versions VALUES (12, 'genre:drama', 0, '\x0000', 3, false);
INSERT INTO refold_data.content_viewers_g12_versions VALUES (12, 'it''s "quoted"', 0, '\x0100', 7, false);
INSERT INTO refold_data.content_viewers_g2 VALUES (2, '', 0, '\x0000', 4);
INSERT INTO refold_data.content_viewers_g2 VALUES (2, 'top', 0, '\x0000', 1);
INSERT INTO refold_data.content_viewers_g2 VALUES (2, 'genre:drama', 0, '\x0000', 3);
INSERT INTO refold_data.content_viewers_g2 VALUES (2, 'it''s "quoted"', 0, '\x0100', 7);
INSERT INTO refold_data.content_viewers_g7 VALUES (7, '', 0, '\x0000', 4);
INSERT INTO refold_data.content_viewers_g7 VALUES (7, 'top', 0, '\x0000', 1);
INSERT INTO refold_data.content_viewers_g7 VALUES (7, 'genre:drama', 0, '\x0000', 3);
INSERT INTO refold_data.content_viewers_g7 VALUES (7, 'it''s "quoted"', 0, '\x0100', 7);
INSERT INTO refold_data.trending_score_g3 VALUES (3, '', '', 2231.1096826987036, '2026-02-09 02:37:56.585168+00', 4);
INSERT INTO refold_data.trending_score_g3 VALUES (3, 'genre:drama', 'drama', 2219.79057302295, '2026-01-28 18:24:05.150678+00', 3);
INSERT INTO refold_data.trending_score_g3 VALUES (3, 'it''s "quoted"', NULL, 2256.459346425124, '2026-03-06 10:57:25.393699+00', 7);
INSERT INTO refold_data.trending_score_g3 VALUES (3, 'top', NULL, 2202.63962024603, '2026-01-10 15:21:03.189257+00', 1);
INSERT INTO refold_data.trending_score_g8 VALUES (8, '', '', 2231.1096826987036, '2026-02-09 02:37:56.585168+00', 4);
INSERT INTO refold_data.trending_score_g8 VALUES (8, 'genre:drama', 'drama', 2219.79057302295, '2026-01-28 18:24:05.150678+00', 3);
INSERT INTO refold_data.trending_score_g8 VALUES (8, 'it''s "quoted"', NULL, 2256.459346425124, '2026-03-06 10:57:25.393699+00', 7);
INSERT INTO refold_data.trending_score_g8 VALUES (8, 'top', NULL, 2202.63962024603, '2026-01-10 15:21:03.189257+00', 1);
INSERT INTO refold_data.user_profiles_g11 VALUES (11, '', 'nobody@example.com', '', 'free', '["", "drama", "drama"]', 0, '["", "drama"]', '2026-03-14 03:32:28.204285+00', '2026-03-10 23:11:05.700327+00', false, 10);
INSERT INTO refold_data.user_profiles_g11 VALUES (11, 'O''Brien "the first"', 'ó@bücher.example', 'Seán Ó Briain 👩‍👩‍👧', 'premium', '["élan", "zebra", "Zebra"]', 0, '["Zebra", "zebra", "élan"]', '2026-04-05 21:27:36.935736+00', '2026-04-01 20:59:57.340432+00', true, 14);
INSERT INTO refold_data.user_profiles_g6 VALUES (6, '', 'nobody@example.com', '', 'free', '["", "drama", "drama"]', 0, '["", "drama"]', '2026-03-14 03:32:28.204285+00', '2026-03-10 23:11:05.700327+00', false, 10);
INSERT INTO refold_data.user_profiles_g6 VALUES (6, 'O''Brien "the first"', 'ó@bücher.example', 'Seán Ó Briain 👩‍👩‍👧', 'premium', '["élan", "zebra", "Zebra"]', 0, '["Zebra", "zebra", "élan"]', '2026-04-05 21:27:36.935736+00', '2026-04-01 20:59:57.340432+00', true, 14);
SELECT pg_catalog.setval('public.events_global_position_seq', 20, true);
SELECT pg_catalog.setval('refold.generation_numbers', 12, true);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_event_id_key UNIQUE (event_id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (global_position);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_stream_id_stream_version_key UNIQUE (stream_id, stream_version);
ALTER TABLE ONLY public.streams
    ADD CONSTRAINT streams_pkey PRIMARY KEY (stream_id);
ALTER TABLE ONLY refold.checkpoints
    ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (generation);
ALTER TABLE ONLY refold.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (generation, "position");
ALTER TABLE ONLY refold.generations
    ADD CONSTRAINT generations_pkey PRIMARY KEY (generation);
ALTER TABLE ONLY refold.holes
    ADD CONSTRAINT holes_pkey PRIMARY KEY (log, after, through);
ALTER TABLE ONLY refold.imports
    ADD CONSTRAINT imports_pkey PRIMARY KEY (log, first_line);
ALTER TABLE ONLY refold.late_events
    ADD CONSTRAINT late_events_pkey PRIMARY KEY (log, "position");
ALTER TABLE ONLY refold.logs
    ADD CONSTRAINT logs_pkey PRIMARY KEY (log);
ALTER TABLE ONLY refold.projections
    ADD CONSTRAINT projections_pkey PRIMARY KEY (name);
ALTER TABLE ONLY refold.snapshots
    ADD CONSTRAINT snapshots_pkey PRIMARY KEY (log, stream_id);
ALTER TABLE ONLY refold_data.account_balances_g4
    ADD CONSTRAINT account_balances_g4_pkey PRIMARY KEY (account_id);
ALTER TABLE ONLY refold_data.account_balances_g9
    ADD CONSTRAINT account_balances_g9_pkey PRIMARY KEY (account_id);
ALTER TABLE ONLY refold_data.content_popularity_g2
    ADD CONSTRAINT content_popularity_g2_pkey PRIMARY KEY (content_id);
ALTER TABLE ONLY refold_data.content_popularity_g7
    ADD CONSTRAINT content_popularity_g7_pkey PRIMARY KEY (content_id);
ALTER TABLE ONLY refold_data.content_viewer_count_g2
    ADD CONSTRAINT content_viewer_count_g2_pkey PRIMARY KEY (id);
ALTER TABLE ONLY refold_data.content_viewer_count_g7
    ADD CONSTRAINT content_viewer_count_g7_pkey PRIMARY KEY (id);
ALTER TABLE ONLY refold_data.content_viewer_numbers_g2
    ADD CONSTRAINT content_viewer_numbers_g2_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY refold_data.content_viewer_numbers_g7
    ADD CONSTRAINT content_viewer_numbers_g7_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY refold_data.content_viewers_g2
    ADD CONSTRAINT content_viewers_g2_pkey PRIMARY KEY (content_id, part);
ALTER TABLE ONLY refold_data.content_viewers_g7
    ADD CONSTRAINT content_viewers_g7_pkey PRIMARY KEY (content_id, part);
ALTER TABLE ONLY refold_data.daily_totals_g10
    ADD CONSTRAINT daily_totals_g10_pkey PRIMARY KEY (day);
ALTER TABLE ONLY refold_data.daily_totals_g5
    ADD CONSTRAINT daily_totals_g5_pkey PRIMARY KEY (day);
ALTER TABLE ONLY refold_data.trending_score_g3
    ADD CONSTRAINT trending_score_g3_pkey PRIMARY KEY (content_id);
ALTER TABLE ONLY refold_data.trending_score_g8
    ADD CONSTRAINT trending_score_g8_pkey PRIMARY KEY (content_id);
ALTER TABLE ONLY refold_data.user_profiles_g11
    ADD CONSTRAINT user_profiles_g11_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY refold_data.user_profiles_g6
    ADD CONSTRAINT user_profiles_g6_pkey PRIMARY KEY (user_id);
CREATE INDEX holes_due ON refold.holes USING btree (log, due_at);
ALTER TABLE ONLY refold.checkpoints
    ADD CONSTRAINT checkpoints_generation_fkey FOREIGN KEY (generation) REFERENCES refold.generations(generation) ON DELETE CASCADE;
ALTER TABLE ONLY refold.dead_letters
    ADD CONSTRAINT dead_letters_generation_fkey FOREIGN KEY (generation) REFERENCES refold.generations(generation) ON DELETE CASCADE;
ALTER TABLE ONLY refold.generations
    ADD CONSTRAINT generations_projection_fkey FOREIGN KEY (projection) REFERENCES refold.projections(name);
