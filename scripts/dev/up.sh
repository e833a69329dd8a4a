# shellcheck shell=bash disable=SC2034,SC2153
# ./dev up: from a clone to a running system, step by step.

DETACH=
OWN_POSTGRES=1
OWN_NATS=1

cmd_up() {
  local begun
  parse_up "$@"
  make_dev_dir
  if is_live intellistack; then
    say "Already running."
    print_summary
    return 0
  fi
  ! is_live up || die "another ./dev up is at work in this clone (process $(live_pid up))"
  record_process up $$
  trap_signals stop_all
  begun=$(now_ms)
  load_secrets
  choose_servers
  bring_up
  print_summary
  say "Up in $(seconds_since "$begun")."
  if [ -n "$DETACH" ]; then
    say "Running in the background: ./dev logs, ./dev status, ./dev down."
    trap - EXIT
    rm -f "$RUN_DIR/up.pid"
  else
    say "Ctrl-C stops it. Its log: ./dev logs"
    supervise
  fi
}

parse_up() {
  local flag
  for flag in "$@"; do
    case $flag in
      --detach | -d) DETACH=1 ;;
      --release) PROFILE=release ;;
      *) die "up: unknown argument $flag (see ./dev help)" ;;
    esac
  done
}

bring_up() {
  step "tools" ensure_up_tools
  if [ -z "${INTELLISTACK_BIN:-}" ]; then
    step "web app" build_web
    step "binary ($PROFILE)" build_binary
  fi
  [ -x "$INTELLISTACK_BIN" ] || die "no program at $INTELLISTACK_BIN"
  [ -z "$OWN_POSTGRES" ] || step "Postgres" start_postgres
  [ -z "$OWN_NATS" ] || step "NATS" start_nats
  export_settings
  step "migrations" quietly migrate "$INTELLISTACK_BIN" migrate
  step "course" import_course
  step "demo accounts" make_accounts
  step "IntelliStack" start_intellistack
}

stop_all() {
  ! is_live intellistack || say "Stopping."
  stop_process intellistack TERM 30
  stop_servers
  rm -f "$RUN_DIR/up.pid" "$RUN_DIR/urls"
}

choose_servers() {
  [ -z "${DATABASE_URL:-}" ] || OWN_POSTGRES=
  [ -z "${NATS_URL:-}" ] || OWN_NATS=
  note_data_version
}

ensure_up_tools() {
  local tools=
  [ -n "${INTELLISTACK_BIN:-}" ] || tools=$TOOLS_TO_BUILD
  [ -z "$OWN_POSTGRES" ] || tools="$tools postgres"
  [ -z "$OWN_NATS" ] || tools="$tools nats"
  # shellcheck disable=SC2086
  ensure $tools
}

# Secrets of this clone, made once. A value given in the environment wins.
load_secrets() {
  local given_auth=${AUTH_SECRET:-} given_internal=${INTERNAL_TOKEN:-}
  if [ ! -s "$DEV_DIR/env" ]; then
    write_secret "$DEV_DIR/env" <<EOF
AUTH_SECRET=$(random_token 48)
INTERNAL_TOKEN=$(random_token 48)
DEV_PG_PASSWORD=$(random_token 32)
EOF
  fi
  # shellcheck source=/dev/null
  . "$DEV_DIR/env"
  AUTH_SECRET=${given_auth:-$AUTH_SECRET}
  INTERNAL_TOKEN=${given_internal:-$INTERNAL_TOKEN}
}

export_settings() {
  choose_http_port
  export DATABASE_URL NATS_URL AUTH_SECRET INTERNAL_TOKEN HTTP_ADDR PUBLIC_URL
  export LOG_FORMAT=${LOG_FORMAT:-pretty}
  if [ -z "${SMTP_URL:-}" ]; then
    export MAIL_DIR=${MAIL_DIR:-$DEV_DIR/mail}
    mkdir -p "$MAIL_DIR"
  fi
  write_secret "$RUN_DIR/urls" <<EOF
URL_DATABASE=$(printf '%q' "$DATABASE_URL")
URL_NATS=$(printf '%q' "$NATS_URL")
URL_PUBLIC=$(printf '%q' "$PUBLIC_URL")
URL_HTTP_PORT=$HTTP_PORT
URL_BIN=$(printf '%q' "$INTELLISTACK_BIN")
URL_AUTH_SECRET=$(printf '%q' "$AUTH_SECRET")
URL_INTERNAL_TOKEN=$(printf '%q' "$INTERNAL_TOKEN")
EOF
}

choose_http_port() {
  if [ -n "${HTTP_ADDR:-}" ]; then
    HTTP_PORT=${HTTP_ADDR##*:}
  elif [ -n "${PORT:-}" ]; then
    HTTP_PORT=$PORT
  else
    HTTP_PORT=$(first_free_port 8080)
  fi
  ! port_in_use "$HTTP_PORT" || die "port $HTTP_PORT is taken by another program; choose one with PORT="
  HTTP_ADDR=${HTTP_ADDR:-127.0.0.1:$HTTP_PORT}
  PUBLIC_URL=${PUBLIC_URL:-http://127.0.0.1:$HTTP_PORT}
}

# Whether a thing is known to be in the database already. Known only of our own database: another
# may have been emptied since.
already_made() { # <name> [<content>]
  [ -n "$OWN_POSTGRES" ] && [ -f "$DEV_DIR/made/$1" ] && [ "$(cat "$DEV_DIR/made/$1")" = "${2:-}" ]
}

mark_made() { # <name> [<content>]
  mkdir -p "$DEV_DIR/made"
  printf '%s\n' "${2:-}" >"$DEV_DIR/made/$1"
}

import_course() {
  local content
  if [ ! -d courses/algorithms ]; then
    note "courses/algorithms is not there: skipped"
    return 0
  fi
  # A new binary may read the same files differently.
  content="$(digest_files courses/algorithms) $(cksum <"$INTELLISTACK_BIN" | tr ' ' -)"
  if already_made course-algorithms "$content"; then
    note "unchanged"
    return 0
  fi
  quietly import-course "$INTELLISTACK_BIN" import-course courses/algorithms
  mark_made course-algorithms "$content"
}

make_accounts() {
  local file=$DEV_DIR/demo-accounts role email password
  if [ ! -s "$file" ]; then
    for role in student instructor admin; do
      printf '%s %s@example.org %s\n' "$role" "$role" "$(random_password)"
    done | write_secret "$file"
  fi
  note "unchanged"
  while read -r role email password; do
    already_made "account-$role" || make_account "$role" "$email" "$password"
  done <"$file"
}

make_account() { # <role> <e-mail> <password>
  local log=$LOG_DIR/create-user.log name=Demo
  name="$name $1"
  if printf '%s' "$3" | "$INTELLISTACK_BIN" create-user --email "$2" --name "$name" --role "$1" --verified \
    >"$log" 2>&1; then
    note "made"
  elif grep -qiE 'exist|already|taken' "$log"; then
    note "there already"
  else
    show_log_tail create-user
    die "could not make the account $2"
  fi
  mark_made "account-$1"
}

start_intellistack() {
  local tries=600
  : >"$LOG_DIR/intellistack.log"
  start_process intellistack "$INTELLISTACK_BIN" all
  until [ "$(http_status "$HTTP_PORT" /readyz)" = 200 ]; do
    if ! is_live intellistack || [ "$tries" -eq 0 ]; then
      show_log_tail intellistack
      die "IntelliStack is not ready (no 200 from $PUBLIC_URL/readyz)"
    fi
    tries=$((tries - 1))
    sleep 0.1
  done
}

print_summary() {
  local role email password
  # shellcheck source=/dev/null
  . "$RUN_DIR/urls"
  printf '\n  %s\n\n' "$URL_PUBLIC"
  while read -r role email password; do
    printf '  %-11s %-24s %s\n' "$role" "$email" "$password"
  done <"$DEV_DIR/demo-accounts"
  say ""
  [ -n "${SMTP_URL:-}" ] || say "  Mail is written to ${MAIL_DIR:-.dev/mail}"
}

# Stays until Ctrl-C or until something of ours ends by itself.
supervise() {
  local name watched=intellistack
  [ -z "$OWN_POSTGRES" ] || watched="$watched postgres"
  [ -z "$OWN_NATS" ] || watched="$watched nats"
  while :; do
    for name in $watched; do
      if ! is_live "$name"; then
        show_log_tail "$name"
        die "$name ended; stopping the rest"
      fi
    done
    sleep 1 &
    wait $! || true # so that a signal is answered at once
  done
}
