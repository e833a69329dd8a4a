# shellcheck shell=bash
# ./dev down, status, logs, psql, run, reset, doctor.

SERVICES="intellistack nats postgres"

cmd_down() {
  local pid tries=600
  make_dev_dir
  set +e
  if pid=$(live_pid up); then # a ./dev up in another terminal stops what it started itself
    kill -s TERM "$pid"
    while is_live up && [ "$tries" -gt 0 ]; do
      sleep 0.1
      tries=$((tries - 1))
    done
  fi
  stop_all
  stop_orphaned_test_clusters
  say "Stopped."
}

cmd_status() {
  local name pid running=
  for name in $SERVICES; do
    if pid=$(live_pid "$name"); then
      running=1
      printf '  %-13s running, process %s\n' "$name" "$pid"
    else
      printf '  %-13s not running here\n' "$name"
    fi
  done
  if [ -s "$RUN_DIR/urls" ]; then
    # shellcheck source=/dev/null
    . "$RUN_DIR/urls"
    printf '  %-13s %s (readyz: %s)\n' URL "$URL_PUBLIC" "$(http_status "$URL_HTTP_PORT" /readyz | grep . || say "no answer")"
    printf '  %-13s %s\n' NATS "$URL_NATS"
    printf '  %-13s %s\n' Postgres "$(say "$URL_DATABASE" | sed -E 's#(//[^:/@]*):[^@]*@#\1:***@#')   (./dev psql)"
  fi
  [ -n "$running" ]
}

cmd_logs() {
  local log=$LOG_DIR/${1:-intellistack}.log
  if [ ! -f "$log" ]; then
    say "There are logs of:" >&2
    find "$LOG_DIR" -name '*.log' 2>/dev/null | sed -e 's#.*/#  #' -e 's#\.log$##' | sort >&2
    die "no log $log"
  fi
  if [ -t 1 ]; then
    exec tail -n 200 -F "$log"
  fi
  tail -n 200 "$log"
}

cmd_psql() {
  local url=${DATABASE_URL:-} program
  if [ -z "$url" ]; then
    [ -s "$RUN_DIR/urls" ] || die "nothing is running: ./dev up first, or set DATABASE_URL"
    # shellcheck source=/dev/null
    . "$RUN_DIR/urls"
    url=$URL_DATABASE
  fi
  if find_postgres; then
    program=$PG_BIN_DIR/psql
  else
    program=$(command -v psql) || die "psql is not installed: apt-get install postgresql-client"
  fi
  exec "$program" "$@" "$url"
}

# A command of the binary with the settings of the system that runs here.
cmd_run() { # <intellistack args>
  [ -s "$RUN_DIR/urls" ] || die "nothing is running: ./dev up first"
  # shellcheck source=/dev/null
  . "$RUN_DIR/urls"
  export DATABASE_URL=$URL_DATABASE NATS_URL=$URL_NATS PUBLIC_URL=$URL_PUBLIC
  export AUTH_SECRET=$URL_AUTH_SECRET INTERNAL_TOKEN=$URL_INTERNAL_TOKEN
  [ -n "${SMTP_URL:-}" ] || export MAIL_DIR=${MAIL_DIR:-$DEV_DIR/mail}
  cd "$CALLED_FROM" || return 1
  exec "$URL_BIN" "$@"
}

cmd_reset() {
  local answer data
  data=$(data_dir)
  if [ "${1:-}" != --yes ]; then
    [ -t 0 ] || die "reset deletes the development database, bus and accounts of this clone: say --yes"
    read -r -p "Delete the development database, bus, mail and accounts of this clone? [y/N] " answer
    case $answer in y | Y | yes) ;; *) die "nothing deleted" ;; esac
  fi
  cmd_down
  if is_live postgres || is_live nats || is_live intellistack; then
    die "something still runs (./dev status): nothing deleted"
  fi
  ! is_root || rm -rf "$data"
  rm -rf "$DEV_DIR"
  say "Deleted."
}

cmd_doctor() {
  local lacking=
  note_data_version
  say "To run (./dev up installs these):"
  # shellcheck disable=SC2086
  doctor_lines $TOOLS_TO_BUILD || lacking=1
  [ -n "${DATABASE_URL:-}" ] || doctor_lines postgres || lacking=1
  [ -n "${NATS_URL:-}" ] || doctor_lines nats || lacking=1
  say "To test and check (./dev test and ./dev check install these where they can):"
  doctor_lines clippy nextest chromium python shellcheck || true
  doctor_optional cargo-deny cargo-machete
  [ -z "$lacking" ] || die "something is missing; ./dev up installs what it can"
}

doctor_lines() { # <tool>...
  local tool status=0
  for tool in "$@"; do
    FOUND=
    if "find_$tool"; then
      printf '  ok       %-12s %s\n' "${tool//_/-}" "$FOUND"
    else
      printf '  missing  %s\n' "$(hint "$tool")"
      status=1
    fi
  done
  return "$status"
}

doctor_optional() { # <program>...
  local program
  for program in "$@"; do
    if have "$program"; then
      printf '  ok       %s\n' "$program"
    else
      printf '  absent   %s (./dev check --full installs it)\n' "$program"
    fi
  done
}
