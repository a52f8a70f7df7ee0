#!/usr/bin/env bash
# Draws the pictures under docs/ from a fresh drill and a made-up fleet: the dashboard (light, dark, printed, on a phone,
# of 5,000 services), the drill as a terminal shows it, a checklist, the blast radius of a key. Everything is a local
# file. Needs the Debian packages chromium, poppler-utils and python3.
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in chromium pdftoppm python3; do
  command -v "$tool" >/dev/null || { echo "pictures.sh: $tool is not installed" >&2; exit 1; }
done
cargo build --release --locked
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export HOME=$WORK XDG_CONFIG_HOME=$WORK/config XDG_CACHE_HOME=$WORK/cache
ALLCLEAR=$PWD/target/release/allclear
FLEET=$PWD/scripts/fleet.py
(
  cd "$WORK"
  COLUMNS=100 "$ALLCLEAR" drill --color always >drill.txt
  "$ALLCLEAR" checklist --incident drill/incident-day0.db --owner team-rtc --format html -o drill/checklist-rtc.html
  # The key that web and mail share.
  KEY=$("$ALLCLEAR" plan --incident drill/incident-day0.db --format json | python3 -c \
    'import json, sys; print(next(k["spki"] for k in json.load(sys.stdin)["keys"] if "team-mail" in k["owners"]))')
  "$ALLCLEAR" plan --incident drill/incident-day0.db --key "$KEY" --format html -o drill/key.html
  "$ALLCLEAR" -q evidence export --incident drill/incident.db -o small.allclear
  "$FLEET" small.allclear 5000 big.allclear
  "$ALLCLEAR" evidence import --incident big.db big.allclear
  "$ALLCLEAR" report --incident big.db -o big.html
) >/dev/null

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

# A phone: a window cannot be that narrow, a frame can.
cat >"$WORK/phone.html" <<'HTML'
<!doctype html><meta charset="utf-8"><style>body{margin:0}iframe{border:0;display:block}</style>
<iframe src="drill/report-day1.html" width="390" height="1500"></iframe>
HTML

browser() { # PAGE [chromium options]
  local page=$1
  shift
  chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars \
    --disable-background-networking --disable-component-update --disable-sync \
    --user-data-dir="$WORK/chromium" "$@" "file://$page" >/dev/null 2>&1
}
shot() { # FILE WIDTH HEIGHT PAGE [extra chromium options]
  local file=$1 width=$2 height=$3 page=$4
  shift 4
  browser "$page" --window-size="$width,$height" "$@" --screenshot="$PWD/docs/$file"
  echo "docs/$file"
}
shot report.png 1200 1340 "$WORK/drill/report-day1.html"
shot report-dark.png 1200 1340 "$WORK/drill/report-day1.html" --blink-settings=preferredColorScheme=0
shot report-5000.png 1200 1900 "$WORK/big.html"
shot report-phone.png 390 1500 "$WORK/phone.html"
browser "$WORK/drill/report-day1.html" --no-pdf-header-footer --print-to-pdf="$WORK/report.pdf"
pdftoppm -r 70 -f 1 -l 1 -png -singlefile "$WORK/report.pdf" docs/report-print
echo docs/report-print.png
shot blast-radius.png 1000 812 "$WORK/drill/key.html"
shot drill.png 980 1130 "$WORK/terminal.html"
shot checklist.png 1000 1100 "$WORK/drill/checklist-rtc.html"
shot checklist-dark.png 1000 1100 "$WORK/drill/checklist-rtc.html" --blink-settings=preferredColorScheme=0
