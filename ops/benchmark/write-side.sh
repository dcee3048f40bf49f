# shellcheck shell=bash
# The write side of ops/bench: appends beside pgbench's bare INSERTs, imports beside \copy, and how far the tail falls
# behind writers at full speed. Sourced by ops/bench, whose functions and variables it uses.

readonly writers=(1 8 32)
import_events=$((events < 200000 ? events : 200000))
append_seconds=$((events < 200000 ? 1 : 5))

# rate NAME COMMAND…: notes how many events a second the command says it has appended.
rate() {
    local name=$1
    shift
    sql "$base_url" -c CHECKPOINT
    "$@" >"$work/out" 2>"$work/err" || {
        tail -n 20 "$work/out" "$work/err" >&2
        die "$exit_failed" "failed: $*"
    }
    tail -n 1 "$work/out" >>"$work/$name.rate"
}

# median_rate NAME
median_rate() { sort -n "$work/$1.rate" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# inserts WRITERS SCRIPT: pgbench's transactions a second.
inserts() {
    "$pgbench_program" --no-vacuum --protocol prepared --client "$1" --jobs "$(nproc)" --time "$append_seconds" \
        --file "$sql_folder/$2.sql" "$url" | sed -n 's/^tps = \([0-9]*\).*/\1/p'
}

appends() { "$write_benchmark" appends "$url" "$1" "$2" "$append_seconds"; }

# prepare_writing: a store to write to, and the same events twice: as `import` reads them, and as \copy does.
prepare_writing() {
    pgbench_program=$(find_pgbench)
    say "Building WriteBenchmark …"
    quietly "$work/log" swift build --package-path "$project_root" -c release --product WriteBenchmark
    write_benchmark=$(dirname "$refold")/WriteBenchmark
    new_database bench_write
    store bench_json
    "$refold" export --through "$import_events" >"$work/events.ndjson"
    import_events=$(wc -l <"$work/events.ndjson")
    sql "$url" -c "\\copy (SELECT $copied_columns FROM events ORDER BY global_position LIMIT $import_events)
        TO '$work/events.copy'"
    store bench_write
    refold_quietly migrate
    sql "$url" -c 'CREATE TABLE copied (LIKE events INCLUDING ALL)' \
        -c 'CREATE SEQUENCE copied_position' \
        -c "ALTER TABLE copied ALTER global_position SET DEFAULT nextval('copied_position')"
}
readonly copied_columns='event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp"'

# find_pgbench: it comes with the server, and Debian keeps it beside the server's programs.
find_pgbench() {
    local candidate
    for candidate in "$(type -P pgbench)" /usr/lib/postgresql/*/bin/pgbench; do
        if [[ -x $candidate ]]; then
            echo "$candidate"
            return
        fi
    done
    die "$exit_unavailable" "pgbench is not there — it comes with the package of the PostgreSQL server"
}

empty_write_store() { sql "$url" -c 'TRUNCATE events, streams, copied, refold.imports'; }

measure_writing() {
    local count
    store bench_write
    empty_write_store
    for count in "${writers[@]}"; do
        rate "inserts_$count" inserts "$count" append
        rate "appends_$count" appends "$count" 1
        rate "single_$count" inserts "$count" append-in-one
    done
    rate appends_hundred appends 1 100
    empty_write_store
    measure copy psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$url" -c "\\copy copied ($copied_columns) FROM '$work/events.copy'"
    measure import "$refold" import "$work/events.ndjson" --quiet
    local imported
    imported=$(sql "$url" -c "SELECT count(*) FROM events JOIN copied USING ($copied_columns_by_value)
        WHERE events.event_data::text = copied.event_data::text")
    [[ $imported == "$import_events" ]] || wrong+=("$imported of $import_events events were imported as they were")
}
readonly copied_columns_by_value='event_id, stream_id, stream_version, event_type, "timestamp"'

# measure_loading: an aggregate without a snapshot, and with one that 0, 50 and 99 events followed; milliseconds.
measure_loading() {
    local age
    local -a times
    store bench_write
    read -r -a times < <("$write_benchmark" loads "$url" "$loaded_events" 51) || true
    ((${#times[@]} == 4)) || die "$exit_failed" "WriteBenchmark loads failed"
    for age in none 0 50 99; do
        echo "${times[0]}" >>"$work/load_$age.rate"
        times=("${times[@]:1}")
    done
}
readonly loaded_events=10000

# observe_full_speed: how long after its commit the read models show an event, while eight writers do what they can.
observe_full_speed() {
    local seconds=$((append_seconds > 1 ? 10 : 3)) start
    store bench_write
    empty_write_store
    start_daemon
    start=$(sql "$url" -c 'SELECT last_value FROM events_global_position_seq')
    start_sampler $((seconds + 2))
    "$write_benchmark" appends "$url" 8 1 "$seconds" >"$work/full_speed.rate"
    finish_observing
    IFS='|' read -r speed_events unseen _ speed_p99 speed_longest _ _ _ \
        < <(sql "$url" -v start="$start" -f "$sql_folder/latency.sql")
    [[ $unseen == 0 && $speed_events != 0 ]] || wrong+=("$unseen of $speed_events events at full speed were never shown")
}

write_rows() {
    local count
    printf '\n%-58s %9s %12s %12s\n' "(g) appends, events/s" refold "BEGIN…COMMIT" "one INSERT"
    for count in "${writers[@]}"; do
        printf '%-58s %9s %12s %12s\n' "    single events, $count at once, beside pgbench" \
            "$(grouped "$(median_rate "appends_$count")")" "$(grouped "$(median_rate "inserts_$count")")" \
            "$(grouped "$(median_rate "single_$count")")"
    done
    printf '%-58s %9s\n' "    100 events a call, one writer" "$(grouped "$(median_rate appends_hundred)")"
    printf '%-58s %9s\n' "    single events, 8 at once, beside the tail" "$(grouped "$(<"$work/full_speed.rate")")"
}

load_rows() {
    printf '\n%-58s %9s\n' "(h) loading an account of $(grouped "$loaded_events") events, ms" refold
    printf '%-58s %9.2f\n' "    from its events alone" "$(median_rate load_none)"
    printf '%-58s %9.2f\n' "    by a snapshot of the newest event" "$(median_rate load_0)" \
        "    by one that 50 events followed" "$(median_rate load_50)" \
        "    by one that 99 events followed, as many as there can be" "$(median_rate load_99)"
}

write_figures() {
    local count
    figure "loading without / with a snapshot 99 events old" "$(ratio "$(median_rate load_none)" "$(median_rate load_99)")" \
        ">50" ">100"
    for count in "${writers[@]}"; do
        figure "appends, $count at once / pgbench's transactions" \
            "$(ratio "$(median_rate "appends_$count")" "$(median_rate "inserts_$count")")" ">0.8" ">1.0"
    done
    figure "events/s of 100 a call / of one a call" "$(ratio "$(median_rate appends_hundred)" "$(median_rate appends_1)")" \
        ">10" ">15"
    figure "import rate / \\copy rate" "$(ratio "$(median copy)" "$(median import)")" ">0.7" ">0.9"
    figure "tail latency p99, 8 writers at full speed, ms" "$speed_p99" 1000 100
    figure "tail latency max, 8 writers at full speed, ms" "$speed_longest" 1000 200
}
