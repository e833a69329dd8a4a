# shellcheck shell=bash
# ./dev bench: the benchmarks, each against its named peer, on servers of their own.

# Postgres as it is in earnest: a commit waits for the disk.
cmd_bench() { # [bench names]
  local status=0 name flags=()
  make_dev_dir
  stop_orphaned_test_clusters
  trap_signals stop_test_cluster
  # shellcheck disable=SC2086
  step "tools" ensure $TOOLS_TO_BUILD postgres nats
  for name in "$@"; do flags+=(--bench "$name"); done
  prepare_cargo
  run_group "$ROOT" cargo bench --locked -p intellistack-bench --no-run
  if [ $# -eq 0 ] || [[ " $* " == *" auth "* ]]; then
    step "peer" npm_ci bench/peer
    PROFILE=release step "binary" build_binary
    export INTELLISTACK_BIN
  fi
  step "Postgres" start_test_cluster
  export NATS_SERVER_BIN TEST_DATABASE_URL
  run_group "$ROOT" cargo bench --locked -p intellistack-bench ${flags[@]+"${flags[@]}"} || status=$?
  return "$status"
}
