# shellcheck shell=bash
# ./dev test: every test, needing nothing to run before. Postgres is a cluster thrown away afterwards.

TEST_DIR=
TEST_CLUSTER=test-postgres-$$
CLOSING_LINES=

cmd_test() {
  local status=0
  make_dev_dir
  stop_orphaned_test_clusters
  trap_signals stop_test_cluster
  step "tools" ensure_test_tools "$@"
  step "web app" build_web
  step "e2e harness" install_e2e_scripts
  step "binary" build_binary
  # shellcheck disable=SC2086
  step "Postgres" start_test_cluster $NOT_DURABLE
  export NATS_SERVER_BIN PG_BIN_DIR INTELLISTACK_BIN TEST_DATABASE_URL E2E_PYTHON_PACKAGES
  [ -z "${CHROMIUM_BIN:-}" ] || export CHROMIUM_BIN
  unset DATABASE_URL NATS_URL
  if [ $# -eq 0 ]; then
    run_web_tests || status=1
    run_doc_tests || status=1
    run_rust_tests || status=1
  else
    run_rust_tests "$@" || status=1
  fi
  print_closing_lines
  return "$status"
}

ensure_test_tools() {
  local tools="$TOOLS_TO_BUILD postgres nats"
  # With arguments a part is tested: the browser and the Python clients may not be needed.
  [ $# -ne 0 ] || tools="$tools chromium python"
  ! in_ci || tools="$tools nextest"
  # shellcheck disable=SC2086
  ensure $tools
  find_chromium || true
}

install_e2e_scripts() {
  npm_ci tests/e2e/node
  ! find_python || install_python_packages docs/examples/requirements.txt
}

# Packages of Python clients, in a folder of their own that no other program looks into.
E2E_PYTHON_PACKAGES=
install_python_packages() { # <requirements with hashes>
  local version
  version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])') || return 1
  E2E_PYTHON_PACKAGES=$CACHE_DIR/python-$version-$(digest_text <"$1")
  [ ! -d "$E2E_PYTHON_PACKAGES" ] || return 0
  rm -rf "$CACHE_DIR"/python-* "$CACHE_DIR"/fetch.*
  mkdir -p "$CACHE_DIR"
  UNPACKED=$(mktemp -d "$CACHE_DIR/fetch.XXXXXX")
  quietly python-packages python3 -m pip install --target "$UNPACKED/out" --require-hashes \
    --only-binary :all: --disable-pip-version-check --root-user-action ignore -r "$1" || return 1
  mv "$UNPACKED/out" "$E2E_PYTHON_PACKAGES"
  rm -rf "$UNPACKED"
}

# What tests wrote nobody wants back after a crash of the machine; they are spared the disk.
NOT_DURABLE="-c fsync=off -c synchronous_commit=off -c full_page_writes=off"

start_test_cluster() { # [postgres options]
  local password
  password=$(random_token 32)
  prepare_as_pg
  TEST_DIR=$(mktemp -d "${TMPDIR:-/tmp}/intellistack-test.XXXXXX")
  say "$TEST_DIR" >"$RUN_DIR/$TEST_CLUSTER.dir"
  init_cluster "$TEST_DIR/data" "$password"
  run_cluster "$TEST_CLUSTER" "$TEST_DIR/data" $((16000 + $$ % 4000)) \
    -c cluster_name=intellistack-test -c max_connections=400 -c shared_buffers=256MB "$@"
  export TEST_DATABASE_URL=postgres://postgres:$password@127.0.0.1:$PG_PORT/postgres
  note "port $PG_PORT"
}

stop_test_cluster() {
  discard_cluster "$TEST_CLUSTER"
}

discard_cluster() { # <process name>
  local dir
  [ -s "$RUN_DIR/$1.dir" ] || return 0
  dir=$(cat "$RUN_DIR/$1.dir")
  stop_process "$1" INT 10
  case $dir in */intellistack-test.*) rm -rf "$dir" ;; esac
  rm -f "$RUN_DIR/$1.dir" "$LOG_DIR/$1.log"
}

# Those of test runs that were killed before they could clean up.
stop_orphaned_test_clusters() {
  local file name
  for file in "$RUN_DIR"/test-postgres-*.dir; do
    [ -e "$file" ] || continue
    name=$(basename "$file" .dir)
    [ -n "$(process_started "${name##*-}")" ] || discard_cluster "$name"
  done
}

# Runs a test program, shows its output, and keeps a copy for the closing lines.
run_tests() { # <log name> <folder> <program> [args]
  local log=$LOG_DIR/$1.log tee status=0
  shift
  say "== ${*:2}"
  ! [ -t 1 ] || export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-always}
  exec 4> >(exec tee "$log")
  tee=$!
  run_group "$@" >&4 2>&1 4>&- || status=$?
  exec 4>&-
  wait "$tee" 2>/dev/null || true
  return "$status"
}

run_web_tests() {
  [ -f web/package.json ] || {
    keep_closing_line "web: NOT RUN: web/package.json is not there"
    return 0
  }
  local status=0
  run_tests test-web web env CI=1 npm test || status=$?
  keep_closing_lines "web" test-web '^ *(Test Files|Tests) '
  return "$status"
}

run_rust_tests() { # [nextest args]
  local status=0 profile=default
  ! in_ci || profile=ci
  if find_nextest; then
    run_tests test-rust "$ROOT" cargo nextest run --workspace --locked --profile "$profile" "$@" || status=$?
    keep_closing_lines "cargo-nextest" test-rust '^ *Summary '
  else
    warn "cargo-nextest is not installed: using cargo test, one crate after the other ($(hint nextest))"
    run_tests test-rust "$ROOT" cargo test --workspace --locked --no-fail-fast "$@" || status=$?
    keep_closing_lines "cargo test" test-rust '^test result: '
  fi
  return "$status"
}

# nextest runs no examples in documentation; cargo does, for the crates that have some.
run_doc_tests() {
  local crate status=0 crates=()
  find_nextest || return 0 # cargo test ran them
  while read -r crate; do
    crates+=(-p "$(sed -nE 's/^name *= *"([^"]+)".*/\1/p' "$crate/Cargo.toml" | head -n 1)")
  done < <(grep -rlE '^ *//[/!] *```' libs/*/src services/*/src --include='*.rs' | sed -E 's#/src/.*##' | sort -u)
  [ "${#crates[@]}" -gt 0 ] || return 0
  run_tests test-doc "$ROOT" cargo test --doc --locked "${crates[@]}" || status=$?
  keep_closing_lines "doc tests" test-doc '^test result: '
  return "$status"
}

keep_closing_line() {
  CLOSING_LINES="$CLOSING_LINES$1
"
}

keep_closing_lines() { # <runner> <log name> <pattern>
  local lines line
  lines=$(sed $'s/\x1b\\[[0-9;]*m//g' "$LOG_DIR/$2.log" | grep -E "$3" || say "no result: it did not get that far")
  while read -r line; do
    keep_closing_line "$1: $line"
  done <<<"$lines"
}

print_closing_lines() {
  say ""
  printf '%s' "$CLOSING_LINES"
}
