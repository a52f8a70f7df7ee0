#!/usr/bin/env bash
# Which protocols allclear, testssl.sh, sslyze and nmap reach, on the same real servers: makes docs/protocols.md anew.
# Takes a quarter of an hour, nearly all of it in the other scanners. Needs the peers (scripts/peers.sh install).
set -euo pipefail
cd "$(dirname "$0")/.."
TABLE=$(mktemp)
trap 'rm -f "$TABLE"' EXIT
export ALLCLEAR_PEERS=${ALLCLEAR_PEERS:-$PWD/target/peers} ALLCLEAR_REQUIRE_PEERS=1 ALLCLEAR_PROTOCOLS=$TABLE
cargo test --locked --test all -- --ignored --exact protocols::no_scanner_reaches_a_protocol_that_allclear_does_not
{
  cat <<'HEAD'
# Protocols that scanners reach

Whether each scanner comes to the certificate of a server that offers TLS there, over its own way of saying so (`-t`, `--starttls`;
nmap finds the service out with `-sV`, since ports here are not the usual ones). The servers are Debian's, on loopback; telnet, vnc, mssql and
rdp have a scripted opening and OpenSSL behind it. Made by `scripts/compare.sh`.

HEAD
  printf 'Versions: testssl.sh %s, sslyze %s, nmap %s.\n\n' \
    "$(dpkg-query -W -f '${Version}' testssl.sh)" \
    "$(sed -n 's/^SSLYZE=//p' scripts/peers.sh)" \
    "$(dpkg-query -W -f '${Version}' nmap)"
  printf '| wrap | server | allclear | testssl.sh | sslyze | nmap |\n|---|---|---|---|---|---|\n'
  cat "$TABLE"
} >docs/protocols.md
printf 'docs/protocols.md is written\n'
