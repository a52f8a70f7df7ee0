#!/usr/bin/env bash
# Draws the pictures of the README from a fresh drill: the checklist page, light and dark, and the drill
# as a terminal shows it. Needs chromium (Debian package of that name); everything is a local file.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v chromium >/dev/null || { echo "pictures.sh: chromium is not installed" >&2; exit 1; }
cargo build --release --locked
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export HOME=$WORK XDG_CONFIG_HOME=$WORK/config XDG_CACHE_HOME=$WORK/cache
ALLCLEAR=$PWD/target/release/allclear
(
  cd "$WORK"
  COLUMNS=100 "$ALLCLEAR" drill --color always >drill.txt
  "$ALLCLEAR" checklist --incident drill/incident-day0.db --owner team-rtc --format html -o drill/checklist-rtc.html
  # The key that web and mail share.
  KEY=$("$ALLCLEAR" plan --incident drill/incident-day0.db --format json | python3 -c \
    'import json, sys; print(next(k["spki"] for k in json.load(sys.stdin)["keys"] if "team-mail" in k["owners"]))')
  "$ALLCLEAR" plan --incident drill/incident-day0.db --key "$KEY" --format html -o drill/key.html
)

# The terminal as a page: the few colours of the tool become spans.
{
  echo '<!doctype html><meta charset="utf-8"><style>body{margin:0;background:#14171c;color:#d7dae0}'
  echo 'pre{font:14px/1.35 "DejaVu Sans Mono",monospace;padding:20px;margin:0}'
  echo '.bad{color:#ff6b6b;font-weight:700}.warn{color:#e6c35c}.good{color:#6fcf7f}.bold{color:#fff;font-weight:700}</style><pre>'
  sed -n '1,58p' "$WORK/drill.txt" | sed -e 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' \
    -e 's/\x1b\[1;31m/<span class="bad">/g; s/\x1b\[33m/<span class="warn">/g; s/\x1b\[32m/<span class="good">/g' \
    -e 's/\x1b\[1m/<span class="bold">/g; s/\x1b\[2m/<span>/g; s/\x1b\[0m/<\/span>/g'
  echo '</pre>'
} >"$WORK/terminal.html"

shot() { # FILE WIDTH HEIGHT PAGE [extra chromium options]
  local file=$1 width=$2 height=$3 page=$4
  shift 4
  chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars \
    --disable-background-networking --disable-component-update --disable-sync \
    --user-data-dir="$WORK/chromium" --window-size="$width,$height" "$@" \
    --screenshot="$PWD/docs/$file" "file://$page" >/dev/null 2>&1
  echo "docs/$file"
}
shot blast-radius.png 1000 812 "$WORK/drill/key.html"
shot drill.png 980 1130 "$WORK/terminal.html"
shot checklist.png 1000 1100 "$WORK/drill/checklist-rtc.html"
shot checklist-dark.png 1000 1100 "$WORK/drill/checklist-rtc.html" --blink-settings=preferredColorScheme=0
