#!/usr/bin/env bash
# allclear against other scanners on a real nginx, A B A B in one run, right answers counted.
#
#   scripts/bench.sh [--targets N] [--peer-targets N] [--rounds N] [--server KIND] [--depth DEPTH]
#                    [--tools LIST] [--binary FILE] [--keep]
#
#   --targets N        targets for allclear (10000)
#   --peer-targets N   targets for each slow tool (100)
#   --rounds N         rounds; every tool runs once in each (3)
#   --server KIND      ecdsa, rsa, both (TLS 1.2), or tls13 (TLS 1.3 only) (ecdsa)
#   --depth DEPTH      allclear's depth (quick)
#   --tools LIST       of allclear,sslscan,nmap,sslyze (all that are installed)
#   --binary FILE      allclear to measure (target/release/allclear, which is built first)
#   --keep             leaves the working folder, with every tool's output
#
# One nginx answers on every address of 127.1.0.0/16. It has to listen on all addresses for that, so
# server and scanners run in a network namespace that has nothing but a loopback interface: nothing
# leaves it and nothing comes in. Client and server share the cores, so CPU per target (user and
# system time of the scanner and all its children) is the figure to compare; targets per second is
# rough. A run whose answers are wrong is marked: a tool whose handshakes all fail looks fast.
set -euo pipefail

fail() { printf 'bench: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

REPOSITORY=$(cd "$(dirname "$0")/.." && pwd)
export PATH="$PATH:$HOME/.cargo/bin:/usr/sbin:/sbin"
PEERS=${ALLCLEAR_PEERS:-$REPOSITORY/target/peers}
TARGETS=10000 PEER_TARGETS=100 ROUNDS=3 SERVER=ecdsa DEPTH=quick TOOLS='' KEEP=no
BINARY=''
ARGUMENTS=("$@")
while [[ $# -gt 0 ]]; do
  case $1 in
    --targets | --peer-targets | --rounds | --server | --depth | --tools | --binary)
      [[ $# -ge 2 ]] || fail "$1 needs a value" ;;
  esac
  case $1 in
    --targets) TARGETS=$2; shift 2 ;;
    --peer-targets) PEER_TARGETS=$2; shift 2 ;;
    --rounds) ROUNDS=$2; shift 2 ;;
    --server) SERVER=$2; shift 2 ;;
    --depth) DEPTH=$2; shift 2 ;;
    --tools) TOOLS=$2; shift 2 ;;
    --binary) BINARY=$(realpath "$2"); shift 2 ;;
    --keep) KEEP=yes; shift ;;
    -h | --help) sed -n '2,22s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "unknown option $1" ;;
  esac
done
for number in "$TARGETS" "$PEER_TARGETS" "$ROUNDS"; do
  [[ $number =~ ^[1-9][0-9]{0,5}$ ]] || fail "$number is not a number from 1 to 999999"
done
[[ $TARGETS -le 65024 && $PEER_TARGETS -le 65024 ]] || fail "127.1.0.0/16 gives 65,024 targets here"
case $SERVER in
  ecdsa) PORT=18443 ;;
  rsa) PORT=18444 ;;
  both) PORT=18445 ;;
  tls13) PORT=18446 ;;
  *) fail "--server is one of ecdsa, rsa, both, tls13" ;;
esac
have nginx || fail "nginx is missing: scripts/test.sh --install-peers"
have openssl || fail "openssl is missing"
have python3 || fail "python3 is missing"
have ip || fail "ip is missing (Debian package iproute2)"
[[ -x /usr/bin/time ]] || fail "/usr/bin/time is missing: on Debian, apt-get install time"

# The build comes before the namespace, which has no network.
if [[ -z ${ALLCLEAR_BENCH_INSIDE:-} ]]; then
  if [[ -z $BINARY ]]; then
    (cd "$REPOSITORY" && cargo build --locked --release --bin allclear) || fail "the build failed"
  fi
  export ALLCLEAR_BENCH_INSIDE=yes
  if unshare --net true 2>/dev/null; then
    exec unshare --net -- "$0" "${ARGUMENTS[@]}"
  elif unshare --net --map-root-user true 2>/dev/null; then
    exec unshare --net --map-root-user -- "$0" "${ARGUMENTS[@]}"
  fi
  fail "no network namespace can be made here (unshare --net), and outside of one nginx would listen on every address"
fi
# Whoever sets the variable by hand must not have nginx listen on a real network.
if ip -o link show up | grep -vq LOOPBACK; then fail "ALLCLEAR_BENCH_INSIDE is set, but this is no namespace of its own"; fi
ip link set lo up || fail "the loopback interface cannot be brought up"
BINARY=${BINARY:-${CARGO_TARGET_DIR:-$REPOSITORY/target}/release/allclear}
ulimit -n "$(ulimit -H -n)" 2>/dev/null || true

WORK=$(mktemp -d)
NGINX_PID=
clean_up() {
  if [[ -n $NGINX_PID ]]; then
    kill "$NGINX_PID" 2>/dev/null || true
    wait "$NGINX_PID" 2>/dev/null || true
  fi
  if [[ $KEEP == yes ]]; then printf 'bench: kept %s\n' "$WORK"; else rm -rf "$WORK"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# --- server ---------------------------------------------------------------------------------------

certificate() { # NAME OPENSSL_KEY_OPTIONS...
  local name=$1
  shift
  openssl req -x509 -nodes -days 30 -subj /CN=bench.example.test -addext subjectAltName=DNS:bench.example.test \
    -newkey "$@" -keyout "$WORK/$name.key" -out "$WORK/$name.pem" 2>/dev/null
}
certificate ecdsa ec -pkeyopt ec_paramgen_curve:P-256
certificate rsa rsa:2048
server() { # PORT PROTOCOL CERTIFICATE...
  local name
  printf '  server {\n    listen %s ssl backlog=4096;\n    ssl_protocols %s;\n' "$1" "$2"
  for name in "${@:3}"; do
    printf '    ssl_certificate %s/%s.pem;\n    ssl_certificate_key %s/%s.key;\n' "$WORK" "$name" "$WORK" "$name"
  done
  printf '    return 204;\n  }\n'
}
{
  # In a namespace of a user's own, root is the only user there is.
  printf 'user root;\nworker_processes 2;\nworker_rlimit_nofile 65536;\ndaemon off;\npid %s/nginx.pid;\n' "$WORK"
  printf 'error_log %s/nginx.log crit;\nevents { worker_connections 16384; }\nhttp {\n  access_log off;\n' "$WORK"
  printf '  ssl_session_cache off;\n  ssl_session_tickets off;\n'
  for kind in client_body proxy fastcgi uwsgi scgi; do printf '  %s_temp_path %s/%s;\n' "$kind" "$WORK" "$kind"; done
  server 18443 TLSv1.2 ecdsa
  server 18444 TLSv1.2 rsa
  server 18445 TLSv1.2 rsa ecdsa
  server 18446 TLSv1.3 ecdsa
  printf '}\n'
} >"$WORK/nginx.conf"
nginx -c "$WORK/nginx.conf" -e "$WORK/nginx.log" &
NGINX_PID=$!
ready=no
for _ in $(seq 100); do
  if (exec 3<>"/dev/tcp/127.1.0.1/$PORT") 2>/dev/null; then ready=yes; break; fi
  sleep 0.05
done
[[ $ready == yes ]] || { cat "$WORK/nginx.log" >&2; fail "nginx does not answer"; }

# 127.1.0.1 to 127.1.255.254, the last byte never 0 or 255.
addresses() { # N
  awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "127.1.%d.%d\n", int(i / 254), i % 254 + 1 }'
}
addresses "$TARGETS" | sed "s/\$/:$PORT/" >"$WORK/targets"
addresses "$PEER_TARGETS" >"$WORK/peer-addresses"
sed "s/\$/:$PORT/" "$WORK/peer-addresses" >"$WORK/peer-targets"

# --- tools: each prints nothing, leaves its output in $OUT, and has a count of right answers --------

run_allclear() {
  "$BINARY" sweep --incident "$OUT/incident.db" --depth "$DEPTH" --rate 0 --jsonl -q "$WORK/targets"
}
# Judged, and with the certificate read: a row for each target, and both in each row.
right_allclear() {
  python3 - "$OUT/stdout" <<'COUNT'
import json, sys
right = set()
for line in open(sys.argv[1]):
    row = json.loads(line)
    clean = {v["verdict"] for v in row.get("verdicts", [])} in ({"not-vulnerable"}, {"not-applicable"})
    if clean and row.get("contact") == "answered" and row.get("certificate", {}).get("spki_sha256"):
        right.add((row["address"], row["port"]))
print(len(right))
COUNT
}

# Eight at once, since it looks at one target at a time; asked for the hole and the certificate only.
run_sslscan() {
  # shellcheck disable=SC2016 # the inner shell expands it
  xargs -P 8 -I TARGET sh -c 'exec sslscan --no-colour --no-ciphersuites --no-renegotiation --no-compression \
    --no-fallback --no-groups --show-certificate "$1" >"$2/$1.txt" 2>&1' run TARGET "$OUT" <"$WORK/peer-targets"
}
right_sslscan() {
  { grep -lE 'not vulnerable to heartbleed' "$OUT"/127.* || true; } | xargs --no-run-if-empty grep -l 'bench.example.test' | wc -l
}

run_nmap() {
  nmap -n -Pn -p "$PORT" --script ssl-cert,ssl-heartbleed -iL "$WORK/peer-addresses" -oX "$OUT/nmap.xml"
}
# nmap says nothing about a server without the hole, so the certificate is what shows an answer.
right_nmap() {
  if grep -q 'State: VULNERABLE' "$OUT/nmap.xml"; then echo 0; return; fi
  grep -o 'commonName=bench.example.test&#xa;Subject Alt' "$OUT/nmap.xml" | wc -l
}

run_sslyze() {
  "$SSLYZE" --heartbleed --certinfo --targets_in "$WORK/peer-targets" --json_out "$OUT/sslyze.json" || true
}
right_sslyze() {
  python3 - "$OUT/sslyze.json" <<'COUNT'
import json, sys
right = 0
for server in json.load(open(sys.argv[1]))["server_scan_results"]:
    result = server.get("scan_result") or {}
    heartbleed = (result.get("heartbleed") or {}).get("result") or {}
    certificate = (result.get("certificate_info") or {}).get("result") or {}
    right += heartbleed.get("is_vulnerable_to_heartbleed") is False and bool(certificate.get("certificate_deployments"))
print(right)
COUNT
}

SSLYZE=$PEERS/sslyze/bin/sslyze
if [[ ! -x $SSLYZE ]]; then SSLYZE=$(command -v sslyze || true); fi
if [[ -z $TOOLS ]]; then
  TOOLS=allclear
  for tool in sslscan nmap; do if have "$tool"; then TOOLS+=,$tool; else printf 'bench: %s is not installed\n' "$tool"; fi; done
  if [[ -n $SSLYZE ]]; then TOOLS+=,sslyze; else printf 'bench: sslyze is not installed\n'; fi
fi
IFS=, read -r -a tools <<<"$TOOLS"
for tool in "${tools[@]}"; do
  case $tool in
    allclear) [[ -x $BINARY ]] || fail "$BINARY is not there" ;;
    sslscan | nmap) have "$tool" || fail "$tool is not installed" ;;
    sslyze) [[ -n $SSLYZE ]] || fail "sslyze is not installed" ;;
    *) fail "unknown tool $tool" ;;
  esac
done

export WORK OUT PORT DEPTH BINARY SSLYZE
export -f run_allclear run_sslscan run_nmap run_sslyze
measure() { # TOOL ROUND
  local tool=$1 round=$2 n=$PEER_TARGETS seconds user system memory right
  if [[ $tool == allclear ]]; then n=$TARGETS; fi
  OUT=$WORK/$tool-$round
  export OUT
  mkdir "$OUT"
  # The shell in between costs a millisecond; --quiet keeps a remark on the exit code out of the figures.
  /usr/bin/time --quiet --format '%e %U %S %M' --output "$OUT/time" \
    bash -c "run_$tool" >"$OUT/stdout" 2>"$OUT/stderr" || printf 'bench: %s ends with %s: %s\n' "$tool" "$?" "$(tail -n 1 "$OUT/stderr")" >&2
  read -r seconds user system memory <"$OUT/time"
  right=$("right_$tool" || echo 0)
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$tool" "$n" "$right" "$seconds" "$user" "$system" "$memory" >>"$WORK/results"
  printf 'round %s  %-9s %6s targets  %6s right  %8s s\n' "$round" "$tool" "$n" "$right" "$seconds"
}

printf 'server: nginx %s, %s; allclear at depth %s; %s cores\n\n' \
  "$(nginx -v 2>&1 | sed 's/.*nginx.//')" "$SERVER" "$DEPTH" "$(nproc)"
for round in $(seq "$ROUNDS"); do
  for tool in "${tools[@]}"; do measure "$tool" "$round"; done
done

# --- medians, and ratios to the first tool ----------------------------------------------------------

python3 - "$WORK/results" <<'TABLE'
import statistics, sys
runs = {}
for line in open(sys.argv[1]):
    tool, *numbers = line.split("\t")
    runs.setdefault(tool, []).append([float(x) for x in numbers])
print(f"\n{'tool':<10}{'targets':>8}{'right':>8}{'targets/s':>11}{'CPU us/target':>15}{'peak MB':>9}{'CPU, times':>12}")
base, wrong = None, False
for tool, rows in runs.items():
    n = rows[0][0]
    right = min(r[1] for r in rows)
    rate = statistics.median(n / max(r[2], 0.01) for r in rows)
    cpu = statistics.median((r[3] + r[4]) * 1e6 / n for r in rows)
    memory = max(r[5] for r in rows) / 1024
    base = base or cpu or 1
    mark = "" if right == n else "   WRONG ANSWERS"
    wrong |= right != n and tool == "allclear"
    print(f"{tool:<10}{n:>8.0f}{right:>8.0f}{rate:>11.0f}{cpu:>15.0f}{memory:>9.0f}{cpu / base:>12.1f}{mark}")
print("\nmedians; right: the worst round; peak MB: the largest single process")
sys.exit(1 if wrong else 0)
TABLE
