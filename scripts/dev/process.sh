# shellcheck shell=bash
# Starting and stopping processes of ours, and of nobody else. Each has a file
# .dev/run/<name>.pid with its id and start time, so that an id used again is not mistaken for ours.

# The start time of a living process; nothing when there is none or it is a zombie.
process_started() { # <pid>
  local stat
  if [ -r "/proc/$1/stat" ]; then
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    # After the name in parentheses: field 1 is the state, field 20 the start in clock ticks.
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    case $1 in Z | X) return 0 ;; esac
    printf '%s' "${20}"
  elif is_macos; then
    ps -o stat=,lstart= -p "$1" 2>/dev/null | awk '$1 !~ /^Z/ { printf "%s", $2 $3 $4 $5 $6 }'
  fi
}

record_process() { # <name> <pid>
  printf '%s %s\n' "$2" "$(process_started "$2")" >"$RUN_DIR/$1.pid"
}

# Prints the id of a process of ours that is alive; fails otherwise.
live_pid() { # <name>
  local pid started
  [ -s "$RUN_DIR/$1.pid" ] || return 1
  read -r pid started <"$RUN_DIR/$1.pid" || return 1
  [ -n "$started" ] && [ "$(process_started "$pid")" = "$started" ] || return 1
  printf '%s' "$pid"
}

is_live() { live_pid "$1" >/dev/null; }

# Starts a program in a process group of its own, out of reach of the terminal's Ctrl-C and hang-up.
start_process() { # <name> <command> [args]
  local name=$1 pid
  shift
  set -m
  (
    trap '' HUP
    exec "$@"
  ) >>"$LOG_DIR/$name.log" 2>&1 </dev/null &
  pid=$!
  set +m
  record_process "$name" "$pid"
}

# Asks a process to end and waits; when it has not ended in time, or the user is in a hurry (second
# Ctrl-C), ends its group.
stop_process() { # <name> <signal> <seconds>
  local name=$1 pid tries=$(($3 * 10))
  if pid=$(live_pid "$name"); then
    kill -s "$2" "$pid" 2>/dev/null || true
    while is_live "$name" && [ "$tries" -gt 0 ] && [ -z "${HURRY:-}" ]; do
      sleep 0.1 || true # Ctrl-C ends it too
      tries=$((tries - 1))
    done
    if is_live "$name"; then
      warn "$name did not end when asked: ending it at once"
      kill -s KILL -- "-$pid" 2>/dev/null || true
      HURRY= # it was in a hurry about this one; the next may still end in order
    fi
    wait "$pid" 2>/dev/null || true
  fi
  rm -f "$RUN_DIR/$name.pid"
}

port_in_use() { # <port>
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

first_free_port() { # <from>
  local port=$1
  while port_in_use "$port"; do
    port=$((port + 1))
    [ "$port" -le $(($1 + 500)) ] || die "no free port between $1 and $port"
  done
  printf '%s' "$port"
}

# Ports of our servers: the one used last, so that a URL noted down stays good; else one that starts
# at a number made from the clone's path, so that two clones seldom meet.
server_port() { # <name> <base>
  local last=
  [ -s "$DEV_DIR/$1.port" ] && last=$(cat "$DEV_DIR/$1.port")
  first_free_port "${last:-$(($2 + $(clone_number) % 1000))}"
}

clone_number() { printf '%s' "$ROOT" | cksum | cut -d ' ' -f 1; }

# Waits until a process listens, or fails when it died or took too long.
wait_for_port() { # <name> <port> <seconds>
  local tries=$(($3 * 20))
  until port_in_use "$2"; do
    is_live "$1" || return 1
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.05
  done
  is_live "$1"
}

# The status code of a GET, without needing curl.
http_status() { # <port> <path>
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
    printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$2" "$1" >&3
    read -r -t 5 _ code _ <&3 && printf '%s' "$code"
  ) 2>/dev/null || true
}

show_log_tail() { # <name>
  {
    say "--- last lines of $LOG_DIR/$1.log"
    tail -n 30 "$LOG_DIR/$1.log" 2>/dev/null || true
    say "---"
  } >&2
}
