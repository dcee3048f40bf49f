# shellcheck shell=bash
# What the scripts in this folder share. Sourced, never run.

# shellcheck disable=SC2034 # read by the scripts that source this file
project_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
program=ops/${0##*/}

# The caller's PGHOST, PGOPTIONS, PGSERVICE … concern other servers than those these scripts use.
while read -r variable; do unset "$variable"; done < <(compgen -v PG || true)

# Exit codes, as sysexits(3) has them and as `refold` uses them.
# shellcheck disable=SC2034
readonly exit_usage=64 exit_unavailable=69 exit_failed=70 exit_try_again=75

# say TEXT…: a line for the person who watches; results go to stdout, this does not.
say() { printf '%s\n' "$*" >&2; }

# die CODE TEXT…: the last line before leaving.
die() {
    local code=$1
    shift
    say "$program: $*"
    exit "$code"
}

# usage: the comment that a script begins with.
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }

# number NAME VALUE: refuses what is not a positive integer.
number() {
    [[ $2 =~ ^[1-9][0-9]{0,11}$ ]] || die "$exit_usage" "$1 takes a positive number, not '$2'"
}

# quietly LOG COMMAND…: runs a command without its output; shows the output when it fails.
quietly() {
    local log=$1 code=0
    shift
    "$@" >"$log" 2>&1 || code=$?
    if ((code != 0)); then
        cat "$log" >&2
        say "$program: failed with exit code $code: $*"
    fi
    return "$code"
}

# refold_version: the version of this checkout, as `refold --version` prints it.
refold_version() {
    sed -n 's/.*static let version = "\(.*\)"/\1/p' "$project_root/Sources/RefoldCommandLine/RefoldCommand.swift"
}

# build_release PRODUCT…: the one release build that every script uses; silent unless it fails.
build_release() {
    local log product
    log=$(mktemp)
    say "Building a release (the first time takes a few minutes) …"
    for product in "$@"; do
        quietly "$log" swift build --package-path "$project_root" -c release --product "$product" || {
            rm -f "$log"
            return "$exit_failed"
        }
    done
    rm -f "$log"
    refold=$(swift build --package-path "$project_root" -c release --show-bin-path)/refold
}

# use_services: starts the private servers and points refold and psql at them.
use_services() {
    local urls
    "$project_root/ops/services" start >&2 || exit
    urls=$("$project_root/ops/services" url) || exit
    REFOLD_DATABASE_URL=$(sed -n 's/^REFOLD_DATABASE_URL=//p' <<<"$urls")
    REFOLD_REDIS_URL=$(sed -n 's/^REFOLD_REDIS_URL=//p' <<<"$urls")
    export REFOLD_DATABASE_URL REFOLD_REDIS_URL
}

# sql URL [ARGUMENT…]: psql without anybody's start-up file, which stops at the first error and prints bare values.
sql() {
    local url=$1
    shift
    PGOPTIONS='-c client_min_messages=warning' \
        psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 "$url" "$@"
}
