# shellcheck shell=bash disable=SC2034,SC2153
# Building the web app and the binary.

PROFILE=debug

# `npm ci`, only when the lock file or Node.js changed since the last one.
npm_ci() { # <folder>
  local stamp=$1/node_modules/.installed-by-dev want
  want="$(digest_text <"$1/package-lock.json") $(node --version)"
  if [ -s "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    return 0
  fi
  quietly_in "npm-ci-$(basename "$1")" "$1" npm ci --no-audit --no-fund
  mkdir -p "$1/node_modules"
  say "$want" >"$stamp"
}

build_web() {
  local want
  if [ ! -f web/package.json ]; then
    note "web/package.json is not there: skipped"
    return 0
  fi
  npm_ci web
  want="$(digest_files web) $(node --version)"
  if [ -s web/dist/index.html ] && [ "$(cat "$DEV_DIR/web.built" 2>/dev/null || true)" = "$want" ]; then
    note "unchanged"
    return 0
  fi
  quietly_in web-build web npm run build
  make_dev_dir
  say "$want" >"$DEV_DIR/web.built"
}

# .cargo/config.toml asks for mold on Linux. A compiler too old to know it, or a machine without it,
# links with the usual linker.
choose_linker() {
  local work
  [ -z "${RUSTFLAGS+set}" ] && ! is_macos || return 0
  work=$(mktemp -d)
  say 'int main(void) { return 0; }' >"$work/main.c"
  if ! cc -fuse-ld=mold -o "$work/main" "$work/main.c" 2>/dev/null; then
    warn "mold is not usable here: linking with the usual, slower linker"
    export RUSTFLAGS="-C link-arg=-fuse-ld=bfd"
  fi
  rm -rf "$work"
}

# The gateway embeds web/dist, so the folder must exist whatever is built first.
prepare_cargo() {
  choose_linker
  mkdir -p web/dist
}

built_binary() {
  local target=${CARGO_TARGET_DIR:-target}
  case $target in /*) ;; *) target=$ROOT/$target ;; esac
  printf '%s' "$target/$PROFILE/intellistack"
}

# Cargo's own progress is shown: the first build takes minutes.
build_binary() {
  local flags=(--locked -p intellistack)
  [ "$PROFILE" = debug ] || flags+=(--release)
  prepare_cargo
  run_group "$ROOT" cargo build "${flags[@]}"
  INTELLISTACK_BIN=$(built_binary)
}
