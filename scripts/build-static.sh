#!/usr/bin/env bash
# Builds the program for any Linux of an architecture, with nothing that a loader would have to find, for
# hosts that are collected over ssh or Ansible:
#
#   scripts/build-static.sh          dist/allclear-static-x86_64, and -aarch64 where that can be built here
#   scripts/build-static.sh x86_64   that one alone
#
# Needs, per architecture: the Rust target ARCH-unknown-linux-musl (added with rustup where it is missing), a C
# compiler for it (x86_64: musl-gcc, Debian: musl-tools; aarch64: aarch64-linux-musl-gcc, or musl-gcc on such
# a machine), readelf (Debian: binutils). What is missing is said on a line that begins with "skipped:", and
# the exit code is 0 all the same: look for the file. 1: a build failed.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:$HOME/.cargo/bin"

fail() { printf 'build-static: %s\n' "$*" >&2; exit 1; }
skipped() { printf 'skipped: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

# The compiler for architecture $1, or nothing.
compiler() {
  local name
  for name in "$1-linux-musl-gcc" musl-gcc; do
    if [[ $name == musl-gcc && $(uname -m) != "$1" ]]; then continue; fi
    if have "$name"; then
      printf '%s' "$name"
      return
    fi
  done
}

build() {
  local arch=$1 target=$1-unknown-linux-musl cc binary upper
  cc=$(compiler "$arch")
  if [[ -z $cc ]]; then
    skipped "$arch: there is no C compiler for musl (x86_64 on Debian: apt-get install musl-tools)"
    return
  fi
  if [[ ! -d $(rustc --print target-libdir --target "$target") ]]; then
    if ! have rustup || ! rustup target add "$target"; then
      skipped "$arch: the Rust target $target is missing and cannot be added"
      return
    fi
  fi
  upper=${target^^}
  export "CC_${target//-/_}=$cc"
  # On the same architecture Rust's own way to link is left alone: musl-gcc as the linker makes programs that
  # crash at the start (Debian 12).
  if [[ $(uname -m) != "$arch" ]]; then export "CARGO_TARGET_${upper//-/_}_LINKER=$cc"; fi
  cargo build --locked --release --target "$target" --bin allclear || fail "$target does not build"
  binary=${CARGO_TARGET_DIR:-target}/$target/release/allclear
  # musl's own loader is not on other machines either: nothing at all may be asked of a loader.
  if readelf --program-headers "$binary" | grep -q INTERP; then
    fail "$binary is not static"
  fi
  if [[ $(uname -m) == "$arch" ]]; then
    "$binary" --version >/dev/null || fail "$binary does not run"
  fi
  mkdir -p dist
  install -m 755 "$binary" "dist/allclear-static-$arch"
  printf 'dist/allclear-static-%s\n' "$arch"
}

have cargo || { skipped "cargo is missing: install Rust (https://rustup.rs)"; exit 0; }
have readelf || { skipped "readelf is missing: on Debian, apt-get install binutils"; exit 0; }
if [[ $# -eq 0 ]]; then set -- x86_64 aarch64; fi
for arch; do
  case $arch in
    x86_64 | aarch64) build "$arch" ;;
    *) fail "unknown architecture $arch: x86_64 or aarch64" ;;
  esac
done
