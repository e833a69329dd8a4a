# shellcheck shell=bash
# ./dev fuzz: one fuzz target, guided by coverage. What `cargo bolero` does, without a nightly
# toolchain and for one test binary only, for each one that is built must hold the fuzzer.

SANCOV="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares"

cmd_fuzz() { # <seconds> <cargo's choice of a test binary> <target>
  local host work target=${*: -1}
  [ $# -ge 4 ] || die "for example: ./dev fuzz 600 -p intellistack-auth --test it fuzz::a_token_is_believed_only_as_it_was_signed"
  # shellcheck disable=SC2086
  step "tools" ensure $TOOLS_TO_BUILD
  prepare_cargo
  make_dev_dir
  host=$(rustc -vV | sed -n 's/^host: //p')
  work=$DEV_DIR/fuzz/${target//::/__}
  mkdir -p "$work/corpus" "$work/crashes"
  export RUSTFLAGS="--cfg fuzzing --cfg fuzzing_libfuzzer "${SANCOV//$'\n'/ } BOLERO_FUZZER=libfuzzer
  export BOLERO_LIBTEST_HARNESS=1
  export BOLERO_LIBFUZZER_ARGS="$work/corpus $work/crashes -artifact_prefix=$work/crashes/ -timeout=10 -max_total_time=$1"
  run_group "$ROOT" cargo test --locked --profile fuzz --target "$host" --target-dir target/fuzz \
    "${@:2}" -- --exact --nocapture --test-threads 1
}
