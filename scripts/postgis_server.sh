#!/bin/sh
# A private PostGIS server for tests: in a folder of its own, on this machine only, with a password.
#   scripts/postgis_server.sh commands        what to type to install PostGIS; nothing is installed
#   scripts/postgis_server.sh start FOLDER    start one; tells the lines that let programs find it
#   scripts/postgis_server.sh stop FOLDER     stop it and remove its folder
#   scripts/postgis_server.sh run COMMAND...  start one, run the command beside it, stop it
#   scripts/postgis_server.sh test            the tests that need it
set -eu

commands() {
    cat <<'TOLD'
Debian, Ubuntu (as root, or with sudo before each):
    apt-get update
    apt-get install --no-install-recommends postgresql postgresql-postgis
  or, where postgresql-postgis is not known, with the number of your PostgreSQL:
    apt-get install --no-install-recommends postgresql postgresql-15-postgis-3
Fedora:
    dnf install postgresql-server postgis
macOS:
    brew install postgresql postgis
TOLD
}

bin() {
    for folder in "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin; do
        if [ -x "$folder/initdb" ]; then found=$folder; fi
    done
    if [ -z "${found:-}" ]; then
        echo "PostgreSQL is not installed. To install it:" >&2
        commands >&2
        exit 3
    fi
    echo "$found"
}

# PostgreSQL refuses to run as root: there it runs as the user that its package made.
as_owner() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() {
    home=$1
    tools=$(bin)
    mkdir -p "$home"
    chmod 711 "$home"
    secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    port=$(free_port)
    (umask 077 && printf '%s' "$secret" >"$home/secret" &&
        printf '127.0.0.1:%s:*:biologist:%s\n' "$port" "$secret" >"$home/pgpass")
    mkdir "$home/cluster"
    if [ "$(id -u)" = 0 ]; then chown postgres "$home/cluster" "$home/secret"; fi
    as_owner "$tools/initdb" -D "$home/cluster" -U biologist -A scram-sha-256 \
        --pwfile="$home/secret" -E UTF8 --locale=C --no-sync >/dev/null
    rm "$home/secret"
    as_owner "$tools/pg_ctl" -D "$home/cluster" -l "$home/cluster/log" -w -s \
        -o "-p $port -h 127.0.0.1 -k '' -F" start
    printf '%s' "$port" >"$home/port"
    PGPASSFILE="$home/pgpass" "$tools/psql" -q -h 127.0.0.1 -p "$port" -U biologist -d postgres \
        -c 'CREATE DATABASE field' -c '\c field' -c 'CREATE EXTENSION postgis' >/dev/null
    {
        echo "export OCCUPANCY_TEST_POSTGIS=postgresql://biologist:$secret@127.0.0.1:$port/field"
        echo "export OCCUPANCY_TEST_PASSFILE=$home/pgpass"
    } >"$home/environment"
    chmod 600 "$home/environment"
}

stop() {
    home=$1
    tools=$(bin)
    [ -d "$home/cluster" ] || return 0
    as_owner "$tools/pg_ctl" -D "$home/cluster" -m immediate -s stop || true
    rm -rf "$home/cluster" "$home/pgpass" "$home/port" "$home/environment"
    rmdir "$home" 2>/dev/null || true
}

run() {
    bin >/dev/null
    home=$(mktemp -d)
    trap 'stop "$home"' EXIT INT TERM
    start "$home"
    # shellcheck disable=SC1091
    . "$home/environment"
    "$@"
}

case "${1:-}" in
commands) commands ;;
start)
    start "$2"
    echo "# . $2/environment"
    ;;
stop) stop "$2" ;;
run)
    shift
    run "$@"
    ;;
test) run "${PYTHON:-.venv/bin/python}" -m pytest -m postgis tests/surveys/test_postgis.py ;;
*)
    sed -n '2,7s/^# *//p' "$0"
    exit 2
    ;;
esac
