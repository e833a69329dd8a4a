# shellcheck shell=bash disable=SC2034,SC2153
# The private Postgres cluster and NATS server: where their data is, how they are started and stopped.

# Postgres refuses to run as root. Then it runs as an unprivileged user, who cannot be expected to
# reach the clone, so the data lives below /var/lib with a link to it in .dev/.
ROOT_DATA_BASE=/var/lib/intellistack-dev
PG_OWNER=

data_dir() {
  if is_root; then
    printf '%s' "$ROOT_DATA_BASE/$(clone_number)"
  else
    printf '%s' "$DEV_DIR"
  fi
}

choose_pg_owner() {
  [ -z "$PG_OWNER" ] || return 0
  is_root || return 0
  PG_OWNER=postgres
  id -u "$PG_OWNER" >/dev/null 2>&1 && return 0
  PG_OWNER=intellistack-dev
  id -u "$PG_OWNER" >/dev/null 2>&1 ||
    useradd --system --no-create-home --shell /usr/sbin/nologin "$PG_OWNER"
}

# The words to put before a command so that it runs as the owner of the cluster, in AS_PG.
AS_PG=()
prepare_as_pg() {
  choose_pg_owner
  if [ -n "$PG_OWNER" ]; then
    AS_PG=(setpriv --reuid "$PG_OWNER" --regid "$(id -g "$PG_OWNER")" --init-groups --)
  else
    AS_PG=(env)
  fi
}

# Makes a cluster in a new folder, whole or not at all. Passwords over loopback; no unix socket, whose
# path may grow too long in a deep folder.
init_cluster() { # <data folder> <password of the superuser>
  local parent fresh=$1.new
  parent=$(dirname "$1")
  rm -rf "$fresh"
  (umask 077 && printf '%s\n' "$2" >"$parent/password")
  [ -z "$PG_OWNER" ] || chown "$PG_OWNER" "$parent" "$parent/password"
  quietly_in initdb "$parent" "${AS_PG[@]}" "$PG_BIN_DIR/initdb" -D "$fresh" --username=postgres \
    --pwfile="$parent/password" --auth=scram-sha-256 --encoding=UTF8 --locale=C --data-checksums --no-sync
  rm -f "$parent/password"
  mv "$fresh" "$1"
}

# Starts a cluster on the first port that works, and leaves the port in PG_PORT.
run_cluster() { # <process name> <data folder> <first port> [postgres options]
  local name=$1 data=$2 port=$3 tries=5
  shift 3
  while [ "$tries" -gt 0 ]; do
    port=$(first_free_port "$port")
    : >"$LOG_DIR/$name.log"
    cd "$data/.." || return 1
    start_process "$name" "${AS_PG[@]}" "$PG_BIN_DIR/postgres" -D "$data" -p "$port" \
      -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c timezone=UTC -c log_timezone=UTC "$@"
    cd "$ROOT" || return 1
    if wait_for_cluster "$name" "$port"; then
      PG_PORT=$port
      return 0
    fi
    grep -q 'could not bind\|could not create any TCP' "$LOG_DIR/$name.log" || break
    port=$((port + 1)) tries=$((tries - 1))
  done
  stop_process "$name" INT 5
  show_log_tail "$name"
  die "Postgres did not start"
}

wait_for_cluster() { # <process name> <port>
  local tries=600 # a minute: it may have to recover after a crash
  until "$PG_BIN_DIR/pg_isready" -q -h 127.0.0.1 -p "$2"; do
    is_live "$1" && [ "$tries" -gt 0 ] || return 1
    tries=$((tries - 1))
    sleep 0.1
  done
  is_live "$1"
}

# Names the major version that made our data, so that find_postgres looks for that one.
note_data_version() {
  PG_DATA_MAJOR=
  local file
  file=$(data_dir)/postgres/PG_VERSION
  [ ! -s "$file" ] || PG_DATA_MAJOR=$(cat "$file")
}

start_postgres() {
  local data
  data=$(data_dir)/postgres
  prepare_as_pg
  if is_live postgres; then
    PG_PORT=$(cat "$DEV_DIR/postgres.port")
    note "already running on port $PG_PORT"
  else
    if is_root; then
      (umask 022 && mkdir -p "$(dirname "$data")")
      ln -sfn "$data" "$DEV_DIR/postgres"
    fi
    if [ ! -s "$data/PG_VERSION" ]; then
      rm -rf "$DEV_DIR/made"
      init_cluster "$data" "$DEV_PG_PASSWORD"
    fi
    run_cluster postgres "$data" "$(server_port postgres 15000)" \
      -c cluster_name=intellistack-dev -c max_connections=200 \
      -c idle_in_transaction_session_timeout=30s -c log_min_duration_statement=500ms
    say "$PG_PORT" >"$DEV_DIR/postgres.port"
    note "port $PG_PORT"
  fi
  make_database
  DATABASE_URL=postgres://intellistack:$DEV_PG_PASSWORD@127.0.0.1:$PG_PORT/intellistack
}

# Our role is no superuser, as with a hosted Postgres: it owns the database and may make roles.
make_database() {
  PGPASSWORD=$DEV_PG_PASSWORD quietly make-database "$PG_BIN_DIR/psql" -X -q -v ON_ERROR_STOP=1 \
    -h 127.0.0.1 -p "$PG_PORT" -U postgres -d postgres -f <(
      cat <<EOF
select 'create role intellistack login createrole'
 where not exists (select from pg_roles where rolname = 'intellistack') \gexec
alter role intellistack password '$DEV_PG_PASSWORD';
select 'create database intellistack owner intellistack'
 where not exists (select from pg_database where datname = 'intellistack') \gexec
EOF
    )
}

start_nats() {
  local port tries=5
  if is_live nats; then
    port=$(cat "$DEV_DIR/nats.port")
    note "already running on port $port"
  else
    port=$(server_port nats 14000)
    : >"$LOG_DIR/nats.log"
    while ! try_nats "$port"; do
      stop_process nats TERM 2
      tries=$((tries - 1))
      if [ "$tries" -eq 0 ] || ! grep -q 'address already in use' "$LOG_DIR/nats.log"; then
        show_log_tail nats
        die "nats-server did not start"
      fi
      port=$(first_free_port $((port + 1)))
    done
    say "$port" >"$DEV_DIR/nats.port"
    note "port $port"
  fi
  NATS_URL=nats://127.0.0.1:$port
}

try_nats() { # <port>
  start_process nats "$NATS_SERVER_BIN" --addr 127.0.0.1 --port "$1" --jetstream --store_dir "$DEV_DIR/nats"
  wait_for_port nats "$1" 20
}

stop_servers() {
  stop_process nats TERM 10
  stop_process postgres INT 30
}
