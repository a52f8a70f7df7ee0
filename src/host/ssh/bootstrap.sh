# The far end of a collection over ssh. It comes as the first bytes on standard input, behind lines that
# set N (a word that nobody there can guess), S (1: sudo is wanted), L (seconds until it gives up) and the
# program's arguments. It says what it is doing on lines that begin with "#allclear-$N"; everything else on
# standard output is the document. It is POSIX sh, changes nothing, and removes what it wrote.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
export PATH
umask 077
I=$(id -u)
U='' D='' P='' W='' T=''

say() { printf '\n#allclear-%s %s\n' "$N" "$*"; }

clean() {
  trap '' HUP INT TERM PIPE
  # shellcheck disable=SC2086 # U is empty or two words
  [ -z "$P" ] || $U kill "$P" 2>/dev/null
  [ -z "$W" ] || kill "$W" 2>/dev/null
  [ -z "$T" ] || kill "$T" 2>/dev/null
  [ -z "$D" ] || rm -rf -- "$D"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM PIPE

# Nobody but this user and root may put something else in the place of what is written to folder $1.
safe() {
  # shellcheck disable=SC2012,SC2046 # the fields before the name are wanted, and find is not everywhere
  set -- $(ls -ldn "$1/." 2>/dev/null)
  [ "$3" = 0 ] || [ "$3" = "$I" ] || return 1
  case $1 in
    ?????w???[!tT]* | ????????w[!tT]*) return 1 ;;
  esac
}

# Folder $1 has room for $2 bytes, as far as df can tell.
room() {
  # shellcheck disable=SC2046
  set -- "$2" $(df -Pk "$1" 2>/dev/null | tail -n 1)
  case ${5-} in
    '' | *[!0-9]*) return 0 ;;
  esac
  [ "$5" -gt $(($1 / 1024 + 1024)) ]
}

# Makes D: a folder of its own in the first folder where $1 bytes fit and a program may run.
place() {
  for d in "${XDG_RUNTIME_DIR-}" "${TMPDIR-}" /tmp /var/tmp /dev/shm "${HOME-}" "$(pwd)"; do
    case $d in
      /*) ;;
      *) continue ;;
    esac
    if ! [ -d "$d" ] || ! safe "$d" || ! room "$d" "$1"; then continue; fi
    # mkdir fails on whatever is there already, links too.
    mkdir -m 700 -- "$d/.allclear-$N" 2>/dev/null || continue
    D=$d/.allclear-$N
    printf '#!/bin/sh\nexit 0\n' >"$D/try" && chmod 700 "$D/try" && "$D/try" && return 0
    rm -rf -- "$D"
    D=''
  done 2>/dev/null
  return 1
}

# Waits for P. Standard input ends when the connection does: then it is ended, and so is this shell.
watch() {
  (
    trap - EXIT HUP INT TERM PIPE
    read -r _ <&3
    # shellcheck disable=SC2086
    $U kill "$P"
    kill $$
    [ -z "$D" ] || rm -rf -- "$D"
  ) >/dev/null 2>&1 &
  W=$!
  wait "$P"
  C=$?
  P=''
  kill "$W" 2>/dev/null
  wait "$W" 2>/dev/null
  W=''
}

exec 3<&0
(
  trap - EXIT HUP INT PIPE
  s=''
  trap '[ -z "$s" ] || kill "$s"; exit 0' TERM
  sleep "$L" &
  s=$!
  wait "$s"
  kill $$
) </dev/null >/dev/null 2>&1 3<&- &
T=$!

if [ "$S" = 1 ] && [ "$I" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    say note sudo-missing
  elif sudo -n true </dev/null >/dev/null 2>&1; then
    U='sudo -n'
  else
    say note sudo-refused
  fi
fi
R=''
command -v nice >/dev/null 2>&1 && R='nice -n 10'
command -v ionice >/dev/null 2>&1 && ionice -c 2 -n 7 true 2>/dev/null && R="$R ionice -c 2 -n 7"

say hello "$(uname -s)" "$(uname -m)"
while read -r what size; do
  case $what in
    program)
      if ! place "$size"; then
        say no-folder
        continue
      fi
      say send
      head -c "$size" >"$D/allclear" 2>/dev/null
      if [ "$(wc -c <"$D/allclear")" -ne "$size" ] || ! chmod 700 "$D/allclear"; then
        say unwritten
        exit 1
      fi
      # shellcheck disable=SC2086
      $U $R "$D/allclear" "$@" </dev/null 3<&- &
      P=$!
      watch
      rm -rf -- "$D"
      D=''
      say end "$C"
      ;;
    script)
      B=$(dd bs=1 count="$size" 2>/dev/null)
      # shellcheck disable=SC2086
      printf '%s\n' "$B" | $U $R sh -s -- "$@" 3<&- &
      P=$!
      watch
      say end "$C"
      ;;
    *) exit 1 ;;
  esac
done
