#!/usr/bin/env bash
# How fast host evidence is collected: a folder tree against a plain search, and many hosts over ssh.
#
#   scripts/bench-host.sh [--tree DIR] [--rounds N] [--hosts N] [--binary FILE] [--no-ssh]
#
#   --tree DIR      the tree that is searched (/usr)
#   --rounds N      rounds, A B A B (3)
#   --hosts N       hosts over ssh at a time, as addresses of one sshd on loopback (100)
#   --binary FILE   allclear to measure (target/release/allclear, which is built first)
#   --no-ssh        only the tree
#
# The tree is read warm: one run before counts for nothing. Beside allclear runs `grep -rlaE` for the same
# banner, which reads the same bytes and tells nothing apart; the ratio is the figure to keep. Memory is the
# largest resident set as GNU time reports it. The sshd runs in a network namespace of its own and in a small
# root folder, so that what is measured is the way there and back; every host has to give a whole document.
set -euo pipefail

fail() { printf 'bench-host: %s\n' "$*" >&2; exit 1; }
REPOSITORY=$(cd "$(dirname "$0")/.." && pwd)
export PATH="$PATH:$HOME/.cargo/bin:/usr/sbin:/sbin"
TREE=/usr ROUNDS=3 HOSTS=100 BINARY='' SSH=yes
ARGUMENTS=("$@")
while [[ $# -gt 0 ]]; do
  case $1 in
    --tree | --rounds | --hosts | --binary) [[ $# -ge 2 ]] || fail "$1 needs a value" ;;
  esac
  case $1 in
    --tree) TREE=$2; shift 2 ;;
    --rounds) ROUNDS=$2; shift 2 ;;
    --hosts) HOSTS=$2; shift 2 ;;
    --binary) BINARY=$(realpath "$2"); shift 2 ;;
    --no-ssh) SSH=no; shift ;;
    -h | --help) sed -n '2,16s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown option $1" ;;
  esac
done
[[ $ROUNDS =~ ^[1-9][0-9]?$ ]] || fail "$ROUNDS is not a number of rounds from 1 to 99"
[[ $HOSTS =~ ^[1-9][0-9]{0,2}$ && $HOSTS -le 250 ]] || fail "$HOSTS is not a number of hosts from 1 to 250"
[[ -d $TREE ]] || fail "$TREE is not a folder"
[[ -x /usr/bin/time ]] || fail "/usr/bin/time is missing: on Debian, apt-get install time"
if [[ -z $BINARY ]]; then
  BINARY=${CARGO_TARGET_DIR:-$REPOSITORY/target}/release/allclear
  [[ -n ${ALLCLEAR_BENCH_INSIDE:-} ]] || (cd "$REPOSITORY" && cargo build --locked --release --bin allclear)
fi

WORK=$(mktemp -d)
SSHD=''
clean_up() {
  if [[ -n $SSHD ]]; then kill "$SSHD" 2>/dev/null || true; wait "$SSHD" 2>/dev/null || true; fi
  rm -rf "$WORK"
}
trap clean_up EXIT

# median FILE: of one number a line
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# timed NAME COMMAND...: appends wall seconds, CPU seconds and KiB to NAME.{wall,cpu,rss}
timed() {
  local name=$1; shift
  /usr/bin/time -f '%e %U %S %M' -o "$WORK/time" "$@" >"$WORK/$name.out" 2>"$WORK/$name.err" || true
  awk -v w="$WORK/$name" 'END { print $1 >> (w ".wall"); print $2 + $3 >> (w ".cpu"); print $4 >> (w ".rss") }' "$WORK/time"
}

tree() {
  local pattern='OpenSSL [0-9]+\.[0-9]+\.[0-9]+[a-z]*[^ ]* +(FIPS )?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4}'
  # The same in rounds: allclear, grep, allclear, grep.
  timed warm-up "$BINARY" host collect --jsonl --files-only --root "$TREE"
  local round
  for ((round = 0; round < ROUNDS; round++)); do
    timed allclear "$BINARY" host collect --jsonl --files-only --root "$TREE"
    timed grep env LC_ALL=C grep -rlaE "$pattern" "$TREE"
  done
  printf '%-34s %9s %9s %9s   %s\n' "$TREE, $(du -shx "$TREE" 2>/dev/null | cut -f1)" 'wall s' 'CPU s' 'MiB' 'found'
  local name found
  for name in allclear grep; do
    if [[ $name == allclear ]]; then
      found="$(grep -c '"record":"library"' "$WORK/allclear.out") files of a TLS library, $(grep -c '"role":"embeds"' "$WORK/allclear.out") with its code"
      tail -n 1 "$WORK/allclear.out" | grep -q '"record":"footer"' || fail "the document was cut off"
    else
      found="$(wc -l <"$WORK/grep.out") files with the text"
    fi
    printf '%-34s %9s %9s %9s   %s\n' "$name" "$(median "$WORK/$name.wall")" "$(median "$WORK/$name.cpu")" \
      "$(awk -v k="$(median "$WORK/$name.rss")" 'BEGIN { printf "%.0f", k / 1024 }')" "$found"
  done
  awk -v a="$(median "$WORK/allclear.wall")" -v b="$(median "$WORK/grep.wall")" 'BEGIN { printf "grep takes %.1f times as long\n", b / a }'
}

over_ssh() {
  local sshd port=22022 n
  sshd=$(command -v sshd) || { printf 'skipped: hosts over ssh (no sshd)\n'; return; }
  mkdir -p "$WORK/ssh" /run/sshd
  ssh-keygen -q -t ed25519 -N '' -f "$WORK/ssh/host"
  ssh-keygen -q -t ed25519 -N '' -f "$WORK/ssh/user"
  cp "$WORK/ssh/user.pub" "$WORK/ssh/authorized"
  cat >"$WORK/ssh/sshd_config" <<CONFIG
Port $port
ListenAddress 0.0.0.0
HostKey $WORK/ssh/host
AuthorizedKeysFile $WORK/ssh/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
MaxStartups 1000
MaxSessions 1000
PidFile none
CONFIG
  for ((n = 1; n <= HOSTS; n++)); do
    printf '[127.9.0.%d]:%d %s\n' "$n" "$port" "$(cut -d' ' -f1,2 "$WORK/ssh/host.pub")"
  done >"$WORK/ssh/known_hosts"
  cat >"$WORK/ssh/config" <<CONFIG
Host *
  Port $port
  User root
  IdentityFile $WORK/ssh/user
  IdentitiesOnly yes
  UserKnownHostsFile $WORK/ssh/known_hosts
CONFIG
  "$sshd" -D -e -f "$WORK/ssh/sshd_config" 2>"$WORK/ssh/sshd.err" &
  SSHD=$!
  for ((n = 0; n < 50; n++)); do
    if (exec 3<>"/dev/tcp/127.9.0.1/$port") 2>/dev/null; then break; fi
    sleep 0.1
  done
  for ((n = 1; n <= HOSTS; n++)); do printf '127.9.0.%d\n' "$n"; done >"$WORK/hosts.txt"
  # The search for files is the same work on the same disk a hundred times over: one second of it is enough here.
  /usr/bin/time -f '%e %M' -o "$WORK/time" "$BINARY" --incident "$WORK/incident.db" host collect \
    --inventory "$WORK/hosts.txt" --parallel "$HOSTS" --ssh-config "$WORK/ssh/config" --max-seconds 1 \
    --connect-timeout 60 -o "$WORK/documents.jsonl" 2>"$WORK/ssh/allclear.err" || fail "$(tail -n 3 "$WORK/ssh/allclear.err")"
  local whole
  whole=$(grep -c '"record":"footer"' "$WORK/documents.jsonl" || true)
  [[ $(grep -c '"failed"' "$WORK/documents.jsonl" || true) -eq 0 && $whole -eq $HOSTS ]] || {
    tail -n 5 "$WORK/ssh/allclear.err" >&2
    fail "$whole of $HOSTS hosts gave a document"
  }
  awk -v hosts="$HOSTS" '{ printf "%d hosts over ssh at a time, each a whole document: %.1f s, %.0f MiB here\n", hosts, $1, $2 / 1024 }' "$WORK/time"
}

if [[ -z ${ALLCLEAR_BENCH_INSIDE:-} ]]; then
  tree
fi
if [[ $SSH == yes ]]; then
  if [[ -n ${ALLCLEAR_BENCH_INSIDE:-} ]]; then
    ip link set lo up
    over_ssh
  elif unshare --net true 2>/dev/null; then
    ALLCLEAR_BENCH_INSIDE=yes unshare --net -- "$0" "${ARGUMENTS[@]}" --binary "$BINARY"
  else
    printf 'skipped: hosts over ssh (no network namespace can be made here)\n'
  fi
fi
