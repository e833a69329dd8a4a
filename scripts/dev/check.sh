# shellcheck shell=bash
# ./dev check: everything that can be said about the code without running it.

FAILED_CHECKS=
ONE_VERSION="tonic prost hyper rustls axum"
MAX_LINES=500

cmd_check() {
  local full=
  case ${1:-} in
    --full) full=1 ;;
    '') ;;
    *) die "check: unknown argument $1" ;;
  esac
  make_dev_dir
  trap_signals true
  step "tools" ensure_check_tools
  [ -z "$full" ] || step "cargo-deny, cargo-machete" install_cargo_checks
  [ ! -f web/package.json ] || step "web dependencies" npm_ci web
  prepare_cargo
  check "formatting" cargo fmt --all --check
  check "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
  check "crate graph" check_graph
  check "one version of each wire crate" check_one_version
  check "file lengths" check_file_lengths
  check "shell scripts" check_shell
  check "error pages" scripts/dev/check-error-pages.sh
  check "web lint and types" check_web
  check_if_installed cargo-deny cargo deny --all-features check
  check_if_installed cargo-machete cargo machete
  [ -z "$FAILED_CHECKS" ] || die "check failed:$FAILED_CHECKS"
  say "check: all passed"
}

ensure_check_tools() {
  local tools="$TOOLS_TO_BUILD clippy"
  # Only a convenience on a laptop, but CI must not skip it.
  ! in_ci || tools="$tools shellcheck"
  # shellcheck disable=SC2086
  ensure $tools
}

install_cargo_checks() {
  local program
  for program in cargo-deny cargo-machete; do
    have "$program" || quietly "$program" env -u CARGO_TARGET_DIR cargo install --locked "$program"
  done
  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
}

# Runs one check, goes on when it fails, and remembers.
check() { # <title> <command> [args]
  local title=$1 started status=0
  shift
  say "== $title"
  started=$(now_ms)
  if [ "$(type -t "$1")" = function ]; then
    # Not in a condition: that would switch off `set -e` inside.
    set +e
    (
      set -e
      "$@"
    )
    status=$?
    set -e
  else
    run_group "$ROOT" "$@" || status=$?
  fi
  if [ "$status" -eq 0 ]; then
    say "   ok, $(seconds_since "$started")"
  else
    say "   FAILED, $(seconds_since "$started")"
    FAILED_CHECKS="$FAILED_CHECKS [$title]"
  fi
}

check_if_installed() { # <program> <command> [args]
  if have "$1"; then
    check "$@"
  else
    say "== $1"
    say "   NOT RUN: not installed (./dev check --full installs and runs it)"
  fi
}

# Which crate may depend on which is a test over `cargo metadata`.
check_graph() {
  if find_nextest; then
    cargo nextest run --locked -p intellistack-e2e --test architecture
  else
    cargo test --locked -p intellistack-e2e --test architecture
  fi
}

# Two versions of one of these would be two wires or two TLS stacks in one process.
check_one_version() {
  local duplicates name versions found=0
  # A crate built twice with different features is listed too: only distinct versions count.
  duplicates=$(cargo tree --workspace --locked --duplicates --depth 0 --prefix none --format '{p}' | sort -u)
  for name in $ONE_VERSION; do
    versions=$(say "$duplicates" | sed -nE "s/^$name (v[^ ]+).*/\1/p" | sort -u | tr '\n' ' ')
    case $versions in
      *' '?*)
        say "$name: $versions(who wants them: cargo tree -d -i $name@<version>)"
        found=1
        ;;
    esac
  done
  return "$found"
}

# Lines of a source file before its unit tests, which sit at its end.
lines_without_tests() { # <file>
  awk '/^#\[cfg\(test\)\]/ { at = NR; next }
       at && /^#\[/ { next } # more attributes
       at && /^mod [a-z_]+ \{/ { print at - 1; done = 1; exit }
       { at = 0 }
       END { if (!done) print NR }' "$1"
}

source_files() {
  find bin libs services tests bench web \( -name node_modules -o -name dist -o -name target \) -prune \
    -o -type f \( -name '*.rs' -o -name '*.ts' -o -name '*.tsx' \) -print 2>/dev/null |
    grep -vE '/tests/|^tests/|/tests\.rs$|\.(test|spec)\.tsx?$|\.d\.ts$' | sort
}

check_file_lengths() {
  local file lines long=0
  while read -r file; do
    lines=$(lines_without_tests "$file")
    if [ "$lines" -gt "$MAX_LINES" ]; then
      say "$file: $lines lines without its tests, more than $MAX_LINES"
      long=1
    fi
  done < <(source_files)
  return "$long"
}

check_shell() {
  if ! find_shellcheck; then
    say "NOT RUN: $(hint shellcheck)"
    return 0
  fi
  find dev .ci/run scripts deploy -type f \( -name '*.sh' -o -path dev -o -path .ci/run \) -exec shellcheck {} +
}

check_web() {
  if [ ! -f web/package.json ]; then
    say "NOT RUN: web/package.json is not there"
    return 0
  fi
  npm --prefix web run lint
  npm --prefix web run typecheck
}
