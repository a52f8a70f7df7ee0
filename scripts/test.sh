#!/usr/bin/env bash
# Everything that has to hold before a change is accepted: what the README names and CI runs.
#
#   scripts/test.sh                    installs nothing; what is not here is skipped and said so
#   scripts/test.sh --install-peers    brings the real peers and cargo-fuzz here first
#   CI=true scripts/test.sh            the same, and whatever is missing then is a failure
#
# The cheap checks run first, the tests last: the last line is the test runner's own summary.
set -euo pipefail
cd "$(dirname "$0")/.."

INSTALL=no
REQUIRE=no
case ${CI:-} in
  '' | false | 0) ;;
  *) INSTALL=yes REQUIRE=yes ;;
esac
for option in "$@"; do
  case $option in
    --install-peers) INSTALL=yes ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) printf 'test.sh: unknown option %s\n' "$option" >&2; exit 2 ;;
  esac
done
export ALLCLEAR_PEERS=${ALLCLEAR_PEERS:-$PWD/target/peers}
export PATH="$PATH:$HOME/.cargo/bin:/usr/sbin:/sbin"
if [[ $REQUIRE == yes ]]; then export ALLCLEAR_REQUIRE_PEERS=1; fi

section() { printf '\n=== %s\n' "$*"; }
skip() { printf 'skipped: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

section "real peers"
if [[ $INSTALL == yes ]]; then
  scripts/peers.sh install
elif ! scripts/peers.sh check; then
  skip "tests against the peers above"
fi

section "scripts"
for script in scripts/*.sh .ci/run; do bash -n "$script"; done
if have shellcheck; then shellcheck scripts/*.sh .ci/run; else skip "shellcheck (not installed)"; fi

section "format"
cargo fmt --check
cargo fmt --check --manifest-path fuzz/Cargo.toml

section "dependencies"
if have cargo-deny; then cargo deny --locked check; else skip "cargo deny (not installed)"; fi

section "lints"
cargo clippy --locked --all-targets -- -D warnings

section "fuzz, 20 seconds"
# On stable with the compiler's own unstable flags let loose, and so in a target folder of its own:
# what is built in this way must not mix with what is built without.
if [[ $INSTALL == yes ]] && ! have cargo-fuzz; then
  cargo install cargo-fuzz --locked --version ^0.13
fi
if have cargo-fuzz; then
  mkdir -p fuzz/corpus/all fuzz/target
  RUSTC_BOOTSTRAP=1 cargo fuzz run --dev -s none --target-dir fuzz/target all fuzz/corpus/all fuzz/seeds -- \
    -max_total_time=20 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 2>fuzz/target/smoke.log || {
    status=$?
    tail -n 60 fuzz/target/smoke.log
    exit "$status"
  }
  grep -E 'stat::number_of_executed_units|stat::peak_rss_mb' fuzz/target/smoke.log || tail -n 5 fuzz/target/smoke.log
else
  skip "fuzzing (cargo install cargo-fuzz)"
fi

section "the README's commands"
scripts/check-readme.sh

section "tests"
if have cargo-nextest; then
  cargo nextest run --locked --lib --bins --tests
else
  cargo test --locked --lib --bins --tests
fi
