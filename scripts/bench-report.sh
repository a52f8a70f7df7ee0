#!/usr/bin/env bash
# How long a report of 5,000 services takes, how large its page is, and how soon a reader can work with it in a browser.
# Needs chromium and python3. The figures of this machine; ARCHITECTURE.md has those of one run.
set -euo pipefail
cd "$(dirname "$0")/.."
SERVICES=${1:-5000}
cargo build --release --locked
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
ALLCLEAR=$PWD/target/release/allclear
FLEET=$PWD/scripts/fleet.py
timed() { # WHAT COMMAND...
  local what=$1 best='' took
  shift
  for _ in 1 2 3; do
    rm -f "$WORK/big.db" "$WORK/big.db-wal" "$WORK/big.db-shm" "$WORK/out"
    [[ $what == merge ]] || cp "$WORK/kept.db" "$WORK/big.db" 2>/dev/null || true
    local from=$EPOCHREALTIME
    "$@" >/dev/null 2>&1
    took=$(python3 -c "print(round($EPOCHREALTIME - $from, 2))")
    best=$(python3 -c "print(min($took, ${best:-1e9}))")
  done
  printf '%-28s %6s s (best of three)\n' "$what" "$best"
}
cd "$WORK"
"$ALLCLEAR" drill >/dev/null
"$ALLCLEAR" -q evidence export --incident drill/incident.db -o small.allclear >/dev/null
"$FLEET" small.allclear "$SERVICES" big.allclear
timed merge "$ALLCLEAR" evidence import --incident big.db big.allclear
cp big.db kept.db
timed "report, html" "$ALLCLEAR" report --incident big.db -o out
timed "report, json" "$ALLCLEAR" report --incident big.db --format json -o out
timed "evidence export" "$ALLCLEAR" evidence export --incident big.db -o out
timed "evidence check, bundle" "$ALLCLEAR" evidence check big.allclear
timed "evidence check, file" "$ALLCLEAR" evidence check --incident big.db
"$ALLCLEAR" report --incident big.db -o page.html
cd - >/dev/null
ALLCLEAR_BENCH_PAGE=$WORK/page.html cargo test --locked --test all -- --ignored --nocapture bench_a_page_of | grep bytes
