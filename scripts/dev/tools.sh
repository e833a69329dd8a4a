# shellcheck shell=bash disable=SC2034,SC2153
# Which programs we need, how each is found, and what to type where we cannot install it.
# `find_<tool>` succeeds when the tool is there and new enough, puts it on PATH or into its variable,
# and leaves a word about it in FOUND.

PG_MIN=15
NATS_MIN=2.12
NODE_MIN=20.19 # Vite's own minimum
PYTHON_MIN=3.10
NPM_MIN=11     # npm 10 does not install Vite 8's native parts from every registry

TOOLS_TO_BUILD="cc pkg_config mold cargo node"
FOUND=

# Puts a directory first on PATH, unless its program is already the one that would be run.
prefer_directory() { # <program> <directory>
  [ "$(command -v "$1" || true)" = "$2/$1" ] || PATH=$2:$PATH
}

find_cc() {
  FOUND=$(command -v cc) || return 1
}

find_pkg_config() {
  FOUND=$(command -v pkg-config) || return 1
}

find_mold() { # only a faster linker, but .cargo/config.toml asks for it on Linux
  FOUND="not used on macOS"
  is_macos && return 0
  FOUND=$(command -v mold) || return 1
}

rust_min() { sed -nE 's/^rust-version *= *"([0-9.]+)".*/\1/p' "$ROOT/Cargo.toml" | head -n 1; }

find_cargo() {
  local candidate version
  for candidate in "$(command -v cargo || true)" "$HOME/.cargo/bin/cargo"; do
    [ -x "$candidate" ] || continue
    version=$("$candidate" --version 2>/dev/null | first_version) || continue
    if [ -n "$version" ] && version_at_least "$version" "$(rust_min)"; then
      prefer_directory cargo "$(dirname "$candidate")"
      FOUND="$version $candidate"
      return 0
    fi
  done
  return 1
}

find_clippy() {
  FOUND=$(cargo clippy --version 2>/dev/null) && cargo fmt --version >/dev/null 2>&1
}

find_nextest() {
  FOUND=$(cargo nextest --version 2>/dev/null | head -n 1) && [ -n "$FOUND" ]
}

node_is_good() { # <directory>
  local node npm
  [ -x "$1/node" ] && [ -x "$1/npm" ] || return 1
  node=$("$1/node" --version 2>/dev/null | first_version) || return 1
  npm=$(PATH=$1:$PATH "$1/npm" --version 2>/dev/null | first_version) || return 1
  version_at_least "$node" "$NODE_MIN" && version_at_least "$npm" "$NPM_MIN" || return 1
  FOUND="$node, npm $npm, $1"
}

find_node() {
  local dir path
  path=$(command -v node || true)
  for dir in "${path%/node}" "$NODE_DIR/bin"; do
    if [ -n "$dir" ] && node_is_good "$dir"; then
      prefer_directory node "$dir"
      return 0
    fi
  done
  return 1
}

# Directories that may hold PostgreSQL's server programs, in order of preference.
postgres_dirs() {
  local program
  [ -z "${PG_BIN_DIR:-}" ] || say "$PG_BIN_DIR"
  printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
    /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin | sort -rV
  ! have pg_config || pg_config --bindir
  ! program=$(command -v postgres) || dirname "$program"
}

postgres_is_good() { # <directory>
  local program version
  for program in initdb postgres pg_isready psql; do
    [ -x "$1/$program" ] || return 1
  done
  version=$("$1/postgres" --version | first_version) || return 1
  version_at_least "$version" "$PG_MIN" || return 1
  # Data made by one major version can only be served by that one.
  if [ -n "${PG_DATA_MAJOR:-}" ]; then
    [ "${version%%.*}" = "$PG_DATA_MAJOR" ] || return 1
  fi
  FOUND="$version $1"
}

find_postgres() {
  local dir
  while read -r dir; do
    if postgres_is_good "$dir"; then
      PG_BIN_DIR=$dir
      return 0
    fi
  done < <(postgres_dirs)
  return 1
}

find_nats() {
  local candidate version
  for candidate in "${NATS_SERVER_BIN:-}" "$(command -v nats-server || true)" "$NATS_DIR/nats-server"; do
    [ -x "$candidate" ] || continue
    version=$("$candidate" --version 2>/dev/null | first_version) || continue
    if version_at_least "$version" "$NATS_MIN"; then
      NATS_SERVER_BIN=$candidate
      FOUND="$version $candidate"
      return 0
    fi
  done
  return 1
}

find_chromium() {
  local name
  for name in "${CHROMIUM_BIN:-}" chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
    "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
    [ -n "$name" ] || continue
    if FOUND=$(command -v "$name"); then
      CHROMIUM_BIN=$FOUND
      return 0
    fi
  done
  return 1
}

find_python() {
  local version
  version=$(python3 --version 2>/dev/null | first_version) || return 1
  version_at_least "$version" "$PYTHON_MIN" && have_pip || return 1
  FOUND=$version
}

find_shellcheck() {
  FOUND=$(command -v shellcheck) || return 1
}

# What to do by hand, where we cannot do it.
hint() { # <tool>
  case $1 in
    cc) say "a C compiler: apt-get install gcc g++ libc6-dev make   (macOS: xcode-select --install)" ;;
    pkg_config) say "pkg-config: apt-get install pkg-config   (Fedora: dnf install pkgconf)" ;;
    mold) say "the linker mold: apt-get install mold" ;;
    cargo) say "Rust $(rust_min) or newer: see rustup.rs, then: rustup toolchain install stable" ;;
    clippy) say "clippy and rustfmt: rustup component add clippy rustfmt" ;;
    nextest) say "cargo-nextest: cargo install --locked cargo-nextest" ;;
    node) say "Node.js $NODE_MIN or newer with npm $NPM_MIN or newer: see nodejs.org   (macOS: brew install node)" ;;
    postgres) hint_postgres ;;
    nats) say "nats-server $NATS_MIN or newer on PATH (macOS: brew install nats-server), or set NATS_URL" ;;
    chromium) say "Chromium or Chrome: apt-get install chromium, or set CHROMIUM_BIN to its program" ;;
    python) say "Python $PYTHON_MIN or newer with pip: apt-get install python3 python3-pip   (macOS: brew install python)" ;;
    shellcheck) say "shellcheck: apt-get install shellcheck   (macOS: brew install shellcheck)" ;;
  esac
}

hint_postgres() {
  if [ -n "${PG_DATA_MAJOR:-}" ]; then
    say "PostgreSQL $PG_DATA_MAJOR, which made the data of this clone (or delete the data: ./dev reset)"
  else
    say "PostgreSQL $PG_MIN or newer, server included: apt-get install postgresql   (macOS: brew install" \
      "postgresql@17; distributions with an older one: the PostgreSQL project's own packages), or set DATABASE_URL"
  fi
}
