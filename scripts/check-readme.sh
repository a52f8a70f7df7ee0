#!/usr/bin/env bash
# Runs the commands of README.md that can be run anywhere, as a reader of it would.
#
# A fenced `sh` block is run when the line before its fence is
#     <!-- checked by scripts/check-readme.sh -->
# All such blocks run in one new folder, one after the other, each under `bash -euo pipefail`; one
# that fails, or no block at all, is a failure. The folder shows the repository's files, so that
# relative names work, and is thrown away with whatever the commands made.
set -euo pipefail
cd "$(dirname "$0")/.."
REPOSITORY=$PWD
README=${1:-README.md}
MARK='<!-- checked by scripts/check-readme.sh -->'

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir "$WORK/blocks" "$WORK/bin" "$WORK/here"

[[ -r $README ]] || { printf 'check-readme: there is no %s\n' "$README" >&2; exit 1; }
awk -v mark="$MARK" -v out="$WORK/blocks" '
  inside && /^```[ \t]*$/ { inside = 0; close(file); next }
  inside { print > file; next }
  /^```sh[ \t]*$/ && marked { inside = 1; file = sprintf("%s/%03d", out, ++n); printf "" > file }
  { marked = ($0 == mark) }
  END { if (inside) { print "check-readme: a marked block is never closed" > "/dev/stderr"; exit 1 } }
' "$README"
shopt -s nullglob
blocks=("$WORK"/blocks/*)
if [[ ${#blocks[@]} -eq 0 ]]; then
  printf 'check-readme: no block of %s is marked with %s\n' "$README" "$MARK" >&2
  exit 1
fi

# Files of the repository, but nothing that was made here.
while IFS= read -r name; do
  ln -s "$REPOSITORY/$name" "$WORK/here/$name"
done < <(git ls-files | cut -d/ -f1 | sort -u)
[[ -e $WORK/here/Cargo.toml ]] || { printf 'check-readme: this is no git checkout\n' >&2; exit 1; }

# `cargo run` builds the repository and runs the program in the folder of the check.
CARGO=$(command -v cargo)
cat >"$WORK/bin/cargo" <<WRAPPER
#!/usr/bin/env bash
set -euo pipefail
command=\$1
shift
exec "$CARGO" "\$command" --manifest-path "$REPOSITORY/Cargo.toml" "\$@"
WRAPPER
chmod +x "$WORK/bin/cargo"
# A plain `allclear` is the program that `cargo build --release` leaves.
ln -s "${CARGO_TARGET_DIR:-$REPOSITORY/target}/release/allclear" "$WORK/bin/allclear"
export PATH="$WORK/bin:$PATH"
# What the user has set must not decide what the README does.
unset ALLCLEAR_INCIDENT

cd "$WORK/here"
for block in "${blocks[@]}"; do
  printf -- '--- README block %s\n' "$(basename "$block")"
  sed 's/^/    /' "$block"
  if ! bash -euo pipefail "$block" >"$WORK/output" 2>&1 </dev/null; then
    tail -n 60 "$WORK/output"
    printf 'check-readme: this block of %s fails\n' "$README" >&2
    exit 1
  fi
  tail -n 5 "$WORK/output"
  # The drill promises files; exit code 0 without them is not what was promised.
  if grep -Eq '(^|[[:space:]])drill([[:space:]]|$)' "$block"; then
    for pattern in 'incident.db' '*.csv' 'checklist*'; do
      if ! compgen -G "drill/$pattern" >/dev/null; then
        printf 'check-readme: the drill left no drill/%s\n' "$pattern" >&2
        exit 1
      fi
    done
  fi
done
printf 'check-readme: %d blocks, all done\n' "${#blocks[@]}"
