# shellcheck shell=bash disable=SC2034,SC2153
# Talking to the user, timing, running and ending commands, secrets. Sourced by ./dev.

CURRENT_STEP=
STEP_NOTE=

say() { printf '%s\n' "$*"; }
warn() { printf 'dev: %s\n' "$*" >&2; }
die() {
  CURRENT_STEP=
  printf 'dev: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }
is_macos() { [ "$(uname -s)" = Darwin ]; }
is_root() { [ "$(id -u)" -eq 0 ]; }
in_ci() { [ "${CI:-}" = true ] || [ "${CI:-}" = 1 ]; }

# Milliseconds, for differences only.
now_ms() {
  if [ -n "${EPOCHREALTIME:-}" ]; then
    local micros=${EPOCHREALTIME//[!0-9]/}
    printf '%s' $((micros / 1000))
  else
    printf '%s' $((SECONDS * 1000))
  fi
}

seconds_since() { # <ms from now_ms>
  local ms=$(($(now_ms) - $1))
  printf '%d.%01d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# Runs a function and prints how long it took. Never call it in a condition: that would switch off
# `set -e` inside the function.
step() { # <title> <function> [args]
  local started
  CURRENT_STEP=$1
  STEP_NOTE=
  started=$(now_ms)
  shift
  "$@"
  printf '  %-34s %9s%s\n' "$CURRENT_STEP" "$(seconds_since "$started")" "${STEP_NOTE:+   $STEP_NOTE}"
  CURRENT_STEP=
}

# A word after the time of the running step, such as "unchanged".
note() { STEP_NOTE=$*; }

# Runs a program in a process group of its own and waits, so that a signal to us ends all of it at
# once (see on_signal). Not for programs that ask something at the terminal.
GROUP=
run_group() { # <folder> <program> [args]
  local status=0 folder=$1
  shift
  set -m
  (cd "$folder" && exec "$@") &
  GROUP=$!
  set +m
  wait "$GROUP" || status=$?
  GROUP=
  return "$status"
}

# Runs a program with its output in a log, which is shown when it fails.
quietly() { # <log name> <program> [args]
  quietly_in "$1" "$ROOT" "${@:2}"
}

quietly_in() { # <log name> <folder> <program> [args]
  local log=$LOG_DIR/$1.log folder=$2 status=0
  shift 2
  make_dev_dir
  if [ "$1" = as_root ]; then # sudo may ask for a password
    "$@" >"$log" 2>&1 || status=$?
  else
    run_group "$folder" "$@" >"$log" 2>&1 </dev/null || status=$?
  fi
  [ "$status" -ne 0 ] || return 0
  {
    say "--- last lines of $log"
    tail -n 60 "$log"
    say "--- failed: $*"
  } >&2
  return "$status"
}

make_dev_dir() {
  mkdir -p "$RUN_DIR" "$LOG_DIR"
  chmod 700 "$DEV_DIR"
}

random_token() { # <length>
  local out
  out=$(head -c $(($1 * 4)) /dev/urandom | base64 | LC_ALL=C tr -dc 'A-Za-z0-9')
  printf '%s' "${out:0:$1}"
}

# Fifteen drawn characters (89 bits) and two dashes, with all four classes the policy asks for.
random_password() {
  local word=
  while ! [[ $word =~ [a-z] && $word =~ [A-Z] && $word =~ [0-9] ]]; do
    word=$(random_token 15)
  done
  printf '%s-%s-%s' "${word:0:5}" "${word:5:5}" "${word:10:5}"
}

# Writes standard input to a file that only we can read, whole or not at all.
write_secret() { # <file>
  (umask 077 && cat >"$1.new")
  mv "$1.new" "$1"
}

digest_text() { cksum | tr -d ' \n'; }

# One number for names and contents of all files below some folders, without build outputs.
digest_files() { # <path>...
  find "$@" \( -name node_modules -o -name dist -o -name coverage \) -prune -o -type f -print0 |
    LC_ALL=C sort -z | xargs -0 cksum | digest_text
}

version_at_least() { # <have> <wanted>, dotted numbers
  local have=$1 want=$2 h w
  while [ -n "$want" ]; do
    h=${have%%.*} w=${want%%.*}
    h=${h%%[!0-9]*}
    [ "${h:-0}" -gt "${w:-0}" ] && return 0
    [ "${h:-0}" -lt "${w:-0}" ] && return 1
    case $want in *.*) want=${want#*.} ;; *) want= ;; esac
    case $have in *.*) have=${have#*.} ;; *) have= ;; esac
  done
  return 0
}

# The first dotted number in standard input.
first_version() { sed -nE 's/^[^0-9]*([0-9]+(\.[0-9]+)*).*/\1/p' | head -n 1; }

# What a command that starts something does when it ends, for whatever reason.
HURRY=
STOPPING=
STOP_FUNCTION=
trap_signals() { # <function that stops what was started>
  STOP_FUNCTION=$1
  trap 'on_signal 130' INT
  trap 'on_signal 143' TERM HUP
  trap 'on_exit' EXIT
}

on_signal() { # <exit status>
  if [ -n "$STOPPING" ]; then
    HURRY=1
  else
    CURRENT_STEP=
    exit "$1"
  fi
}

# Ten seconds to end in order, as a test runner needs to end its tests.
end_group() { # <process group>
  local tries=100
  kill -s TERM -- "-$1" 2>/dev/null
  while kill -s 0 "$1" 2>/dev/null && [ "$tries" -gt 0 ] && [ -z "$HURRY" ]; do
    sleep 0.1
    tries=$((tries - 1))
  done
  kill -s KILL -- "-$1" 2>/dev/null
  HURRY=
}

on_exit() {
  local status=$?
  set +e
  STOPPING=1
  [ -z "$GROUP" ] || end_group "$GROUP"
  [ "$status" -eq 0 ] || [ -z "$CURRENT_STEP" ] || warn "failed: $CURRENT_STEP"
  "$STOP_FUNCTION"
  exit "$status"
}
