#!/usr/bin/env bash
# Makes what people download on day 0: a static binary, a Debian package, checksums, all in dist/.
#
#   scripts/release.sh
#
# Needs: what scripts/build-static.sh needs, and dpkg-deb. The result depends on the commit and the tools,
# not on the day.
set -euo pipefail
cd "$(dirname "$0")/.."
TARGET=x86_64-unknown-linux-musl
PATH="$PATH:$HOME/.cargo/bin"

fail() { printf 'release: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

have cargo || fail "cargo is missing: install Rust (https://rustup.rs)"
have dpkg-deb || fail "dpkg-deb is missing: on Debian it is part of the system; elsewhere install dpkg"

VERSION=$(cargo pkgid --locked | sed 's/.*[#@]//')
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
NAME=allclear-$VERSION-$TARGET

rm -rf dist
scripts/build-static.sh
BINARY=dist/$NAME
# The other script only skips what cannot be built here; a release without it is none.
[[ -x dist/allclear-static-x86_64 ]] || fail "no static program was built: see what scripts/build-static.sh says"
mv dist/allclear-static-x86_64 "$BINARY"
if [[ -x dist/allclear-static-aarch64 ]]; then
  mv dist/allclear-static-aarch64 "dist/allclear-$VERSION-aarch64-unknown-linux-musl"
fi
"$BINARY" --version | grep -qF "$VERSION" || fail "$BINARY does not say that it is version $VERSION"

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
umask 022

# What both packages hold.
STAGE=$WORK/$NAME
mkdir -p "$STAGE/completions"
install -m 755 "$BINARY" "$STAGE/allclear"
install -m 644 LICENSE-MIT LICENSE-APACHE "$STAGE/"
for file in README.md CHANGELOG.md; do
  if [[ -e $file ]]; then install -m 644 "$file" "$STAGE/"; fi
done
"$BINARY" man >"$STAGE/allclear.1"
"$BINARY" completions bash >"$STAGE/completions/allclear.bash"
"$BINARY" completions zsh >"$STAGE/completions/_allclear"
"$BINARY" completions fish >"$STAGE/completions/allclear.fish"
for file in allclear.1 completions/allclear.bash completions/_allclear completions/allclear.fish; do
  [[ -s $STAGE/$file ]] || fail "$file came out empty"
done

tar --create --gzip --file "dist/$NAME.tar.gz" --directory "$WORK" --sort=name --owner=0 --group=0 --numeric-owner \
  --mtime="@$SOURCE_DATE_EPOCH" "$NAME"

# The Debian package.
ROOT=$WORK/deb
install -D -m 755 "$BINARY" "$ROOT/usr/bin/allclear"
mkdir -p "$ROOT/usr/share/man/man1" "$ROOT/DEBIAN"
gzip -9 --no-name <"$STAGE/allclear.1" >"$ROOT/usr/share/man/man1/allclear.1.gz"
install -D -m 644 "$STAGE/completions/allclear.bash" "$ROOT/usr/share/bash-completion/completions/allclear"
install -D -m 644 "$STAGE/completions/_allclear" "$ROOT/usr/share/zsh/vendor-completions/_allclear"
install -D -m 644 "$STAGE/completions/allclear.fish" "$ROOT/usr/share/fish/vendor_completions.d/allclear.fish"
install -D -m 644 LICENSE-MIT "$ROOT/usr/share/doc/allclear/LICENSE-MIT"
install -D -m 644 LICENSE-APACHE "$ROOT/usr/share/doc/allclear/LICENSE-APACHE"
cat >"$ROOT/usr/share/doc/allclear/copyright" <<'COPYRIGHT'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: allclear

Files: *
Copyright: The allclear developers
License: MIT or Apache-2.0
 The whole texts are in /usr/share/doc/allclear/LICENSE-MIT and
 /usr/share/doc/allclear/LICENSE-APACHE.
COPYRIGHT
chmod 644 "$ROOT/usr/share/doc/allclear/copyright"
SIZE=$(du --summarize --apparent-size --block-size=1024 "$ROOT/usr" | cut -f1)
# Debian sorts 1.0-rc1 after 1.0, and 1.0~rc1 before it.
DEB_VERSION=${VERSION/-/\~}
cat >"$ROOT/DEBIAN/control" <<CONTROL
Package: allclear
Version: $DEB_VERSION
Section: admin
Priority: optional
Architecture: amd64
Installed-Size: $SIZE
Maintainer: The allclear developers <allclear@example.invalid>
Description: security incident response scanner, from a TLS disclosure to all clear
 Sweeps an inventory of services for a disclosed TLS hole such as Heartbleed,
 keeps the evidence, says what is still owed and by whom, writes the rotation
 checklists and the tracker, and is run again until the answer is all clear.
 .
 One static program; it needs no server and no account.
CONTROL
dpkg-deb --root-owner-group --build "$ROOT" "dist/allclear_${DEB_VERSION}_amd64.deb" >/dev/null

(cd dist && sha256sum -- * >"$WORK/SHA256SUMS" && mv "$WORK/SHA256SUMS" .)
cat dist/SHA256SUMS
