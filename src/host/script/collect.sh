#!/bin/sh
# allclear's shell collector: packages, and processes with a TLS library in them, as a document of
# allclear.host/1, for hosts where the program itself cannot run.
#
#   sh collect.sh [--max-seconds N] >document.jsonl
#
# POSIX sh and awk; no root needed, and what could not be seen without it is said. It reads only, writes no
# file, and prints neither arguments nor environments of processes. It does not search the disk, look into
# archives or keys, or read packet filters: the header lists that as not collected.
# shellcheck disable=SC2016 # awk's own variables stand in single quotes

VERSION=1

# Functions of every awk program below. json() makes a JSON string of any bytes: what is not UTF-8 becomes
# the text \xNN, as the program does it.
JSON='
BEGIN {
  for (i = 1; i < 256; i++) ord[sprintf("%c", i)] = i
}
function json(s,    out, i, n, c, b, need, low, high, seq, k, d) {
  if (s !~ /[^ -~]/ && s !~ /["\\]/) return "\"" s "\""
  out = ""
  n = length(s)
  for (i = 1; i <= n; i++) {
    c = substr(s, i, 1)
    b = ord[c]
    if (c == "\"" || c == "\\") { out = out "\\" c; continue }
    if (b < 32 || b == 127) { out = out sprintf("\\u%04x", b); continue }
    if (b < 127) { out = out c; continue }
    need = 0; low = 128; high = 191
    if (b >= 194 && b <= 223) need = 1
    else if (b >= 224 && b <= 239) {
      need = 2
      if (b == 224) low = 160
      if (b == 237) high = 159
    } else if (b >= 240 && b <= 244) {
      need = 3
      if (b == 240) low = 144
      if (b == 244) high = 143
    }
    seq = c
    for (k = 1; k <= need; k++) {
      d = ord[substr(s, i + k, 1)]
      if (i + k > n || d < low || d > high) break
      seq = seq substr(s, i + k, 1)
      low = 128; high = 191
    }
    if (need > 0 && k > need) { out = out seq; i += need }
    else out = out sprintf("\\\\x%02X", b)
  }
  return "\"" out "\""
}
function field(name, value) { return value == "" ? "" : ",\"" name "\":" json(value) }
function record(kind) { return "{\"schema\":\"allclear.host/1\",\"record\":\"" kind "\"" }
'

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command, no longer than there is time.
bounded() {
  left=$((MAX - $(date +%s) + BEGAN))
  [ "$left" -gt 0 ] || return 124
  if [ -n "$TIMEOUT" ]; then "$TIMEOUT" "$left" "$@"; else "$@"; fi
}

### Packages

# In: name, version, architecture, source, the source's version, ecosystem; separated by tabs.
package_records() {
  awk -F '\t' "$JSON"'
    $1 == "" || $2 == "" { next }
    {
      source = $4 == "" ? $1 : $4
      line = record("package") ",\"name\":" json($1) ",\"version\":" json($2)
      if ($2 ~ /^[0-9]+:/) line = line ",\"epoch\":" substr($2, 1, index($2, ":") - 1) + 0
      line = line field("arch", $3) ",\"source\":" json(source)
      if ($5 != $2) line = line field("source_version", $5)
      line = line ",\"ecosystem\":" json($6)
      if (source ~ /^(compat-)?openssl[0-9._-]*(-fips)?(-compat)?$/) line = line ",\"openssl\":true"
      print line "}"
    }'
}

dpkg_packages() {
  # A package that was removed and left its configuration behind is not there.
  bounded dpkg-query -W -f '${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' 2>/dev/null </dev/null |
    awk -F '\t' -v OFS='\t' '$1 != "not-installed" && $1 != "config-files" { print $2, $3, $4, $5, $6, "dpkg" }'
}

rpm_packages() {
  bounded rpm -qa --qf '%{NAME}\t%{EPOCH}\t%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\n' 2>/dev/null </dev/null |
    awk -F '\t' -v OFS='\t' '
      $1 == "gpg-pubkey" { next }
      {
        source = $5; version = ""
        if (source ~ /\.(no)?src\.rpm$/) {
          sub(/\.(no)?src\.rpm$/, "", source)
          match(source, /-[^-]*-[^-]*$/)
          version = substr(source, RSTART + 1)
          source = substr(source, 1, RSTART - 1)
        } else source = ""
        if (version == $3) version = ""
        print $1, ($2 ~ /^[0-9]+$/ ? $2 ":" : "") $3, ($4 == "(none)" ? "" : $4), source, version, "rpm"
      }'
}

apk_packages() {
  for db in /lib/apk/db/installed /usr/lib/apk/db/installed; do
    [ -r "$db" ] || continue
    bounded awk -v OFS='\t' '
      function end() { if (p != "") print p, v, a, o, "", "apk"; p = v = a = o = "" }
      /^$/ { end() }
      /^P:/ { p = substr($0, 3) }
      /^V:/ { v = substr($0, 3) }
      /^A:/ { a = substr($0, 3) }
      /^o:/ { o = substr($0, 3) }
      END { end() }' <"$db"
    return
  done
}

packages() {
  {
    if have dpkg-query; then dpkg_packages; fi
    if have rpm; then rpm_packages; fi
    apk_packages
  } | package_records | sort -u
}

### Processes

# The words that awk reads before the numbers of processes: programs and mount namespaces, as `ls -l` has
# them, and sockets. One ls for all of them: a process for each would take minutes on a large host.
links() {
  bounded ls -l -d /proc/[0-9]*/exe /proc/[0-9]*/ns/mnt /proc/self/ns/mnt 2>/dev/null </dev/null |
    sed -n 's|^.* /proc/\([0-9a-z]*\)/\(exe\) -> |L \1 \2 |p; s|^.* /proc/\([0-9a-z]*\)/ns/\(mnt\) -> |L \1 \2 |p'
  bounded ls -l /proc/[0-9]*/fd 2>/dev/null </dev/null |
    sed -n 's|^/proc/\([0-9]*\)/fd:$|F \1|p; s|^.* -> socket:\[\([0-9]*\)\]$|S \1|p'
  for p in /proc/[0-9]*; do printf 'P %s\n' "${p#/proc/}"; done
}

# Out: lines for the next steps, each after its word: `R` a record, `C` a count, `M` a mapped library:
# process, segment, inode, whether it is deleted, mount namespace, container, path.
look() {
  links | bounded awk "$JSON"'
    function sockets(file, protocol, state,    line, f, n) {
      while ((getline line < file) > 0) {
        n = split(line, f, " ")
        if (n >= 10 && f[4] == state && f[1] ~ /:$/) {
          # Several sockets of one port (SO_REUSEPORT) have one text here, and become one listener.
          bound[f[10]] = protocol " " address(f[2])
        }
      }
      close(file)
    }
    function byte(hex, at) {
      return (index(digits, substr(hex, at, 1)) - 1) * 16 + index(digits, substr(hex, at + 1, 1)) - 1
    }
    function address(s,    half, host, port, i, w, out) {
      digits = "0123456789ABCDEF"
      split(s, half, ":")
      host = half[1]
      port = byte(half[2], 1) * 256 + byte(half[2], 3)
      if (length(host) == 8)
        return byte(host, 7) "." byte(host, 5) "." byte(host, 3) "." byte(host, 1) " " port
      out = ""
      for (w = 0; w < 4; w++)
        for (i = 3; i >= 0; i--) {
          out = out substr(host, w * 8 + i * 2 + 1, 2)
          if (i == 2 || (i == 0 && w < 3)) out = out ":"
        }
      return tolower(out) " " port
    }
    function runner(cgroup, name,    kind, id, unit, engine, n, part, i) {
      container = ""
      if (match(cgroup, /[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]*(\.scope)?(\/|$)/)) {
        id = substr(cgroup, RSTART, RLENGTH)
        sub(/\/$/, "", id); sub(/\.scope$/, "", id)
        engine = ""
        if (cgroup ~ /libpod/) engine = "podman"
        else if (cgroup ~ /crio/) engine = "cri-o"
        else if (cgroup ~ /cri-containerd/) engine = "containerd"
        else if (cgroup ~ /docker/) engine = "docker"
        else if (cgroup ~ /kubepods/) engine = "kubernetes"
        if (engine != "" && length(id) >= 32) {
          container = id
          return ",\"runner\":{\"kind\":\"container\",\"name\":" json(id) ",\"engine\":\"" engine "\"}"
        }
      }
      if (match(cgroup, /\/lxc(\.payload)?[.\/][^\/]+/)) {
        id = substr(cgroup, RSTART, RLENGTH)
        sub(/^\/lxc(\.payload)?[.\/]/, "", id)
        container = id
        return ",\"runner\":{\"kind\":\"container\",\"name\":" json(id) ",\"engine\":\"lxc\"}"
      }
      kind = "process"; unit = name
      n = split(cgroup, part, "/")
      for (i = 1; i <= n; i++) if (part[i] ~ /\.service$/ && part[i] !~ /^user@/) { kind = "unit"; unit = part[i] }
      if (match(cgroup, /user@[0-9]+\.service/)) {
        if (kind == "unit") kind = "user-unit"
        else { kind = "session"; unit = substr(cgroup, RSTART + 5, RLENGTH - 13) }
      } else if (kind == "process" && match(cgroup, /user-[0-9]+\.slice/)) {
        kind = "session"; unit = substr(cgroup, RSTART + 5, RLENGTH - 11)
      } else if (kind == "process" && cgroup ~ /init\.scope$/) { kind = "systemd"; unit = "systemd" }
      return ",\"runner\":{\"kind\":\"" kind "\",\"name\":" json(unit) "}"
    }
    function process(pid,    base, line, f, path, deleted, own, libs, found, name, ppid, uid, any, cgroup, text, key, n, l, i) {
      base = "/proc/" pid
      name = ""; ppid = ""; uid = ""; n = 0
      while ((getline line < (base "/status")) > 0) {
        if (line ~ /^Name:\t/) name = substr(line, 7)
        else if (line ~ /^PPid:\t/) ppid = substr(line, 7) + 0
        else if (line ~ /^Uid:\t/) { split(line, f, /[ \t]+/); uid = f[2] + 0 }
        else if (line ~ /^VmSize:/) n = 1
      }
      close(base "/status")
      if (name == "") return # it has ended
      seen++
      if (!n) return # threads of the kernel and zombies have no memory
      cgroup = ""
      while ((getline line < (base "/cgroup")) > 0) {
        if (line ~ /^0::/ && cgroup == "" || line ~ /:name=systemd:/ && line !~ /:\/$/) {
          cgroup = line
          sub(/^[0-9]*:[^:]*:/, "", cgroup)
        }
      }
      close(base "/cgroup")
      own = (mnt[pid] != "" && mnt[host] != "" && mnt[pid] != mnt[host])
      text = runner(cgroup, name)
      libs = ""; any = 0
      while ((i = (getline line < (base "/maps"))) > 0) {
        any = 1
        if (line !~ /lib(ssl|crypto)[-.]/) continue
        if (!match(line, /^[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +/)) continue
        path = substr(line, RLENGTH + 1)
        deleted = sub(/ \(deleted\)$/, "", path)
        if (path !~ /^\/.*lib(ssl|crypto)[-.][^\/]*so[^\/]*$/) continue
        split(line, f, " ")
        key = path SUBSEP f[5]
        if (key in found) continue
        found[key] = 1
        libs = libs (libs == "" ? "" : ",") json(path)
        print "M\t" pid "\t" f[1] "\t" f[5] "\t" deleted "\t" own "\t" container "\t" path
      }
      close(base "/maps")
      if (!any) unreadable++
      n = split(holds[pid], l, " ")
      split("", listens)
      for (i = 1; i <= n; i++) listens[bound[l[i]]] = 1
      line = ""
      for (i = 1; i <= n; i++) if (bound[l[i]] in listens) {
        delete listens[bound[l[i]]]
        split(bound[l[i]], f, " ")
        if (f[2] ~ /:/) f[2] = "[" f[2] "]"
        line = line (line == "" ? "" : ",") json(f[1] " " f[2] ":" f[3])
        holders[bound[l[i]]] = holders[bound[l[i]]] (holders[bound[l[i]]] == "" ? "" : ",") pid
        program[bound[l[i]]] = name
      }
      if (any && libs == "" && line == "") return
      deleted = exe[pid] ~ / \(deleted\)$/
      path = exe[pid]
      sub(/ \(deleted\)$/, "", path)
      print "R\t" record("process") ",\"pid\":" pid ",\"ppid\":" ppid ",\"name\":" json(name) field("exe", path) \
        (deleted ? ",\"exe_deleted\":true" : "") ",\"uid\":" uid text field("container", container) \
        (own ? ",\"own_mounts\":true" : "") ",\"role\":\"" (line == "" ? "unknown" : "server") "\"" \
        (line == "" ? "" : ",\"listens\":[" line "]") (libs == "" ? "" : ",\"libraries\":[" libs "]") \
        ",\"readable\":" (any ? "true" : "false") "}"
    }
    BEGIN {
      sockets("/proc/net/tcp", "tcp", "0A"); sockets("/proc/net/tcp6", "tcp", "0A")
      sockets("/proc/net/udp", "udp", "07"); sockets("/proc/net/udp6", "udp", "07")
    }
    $1 == "L" && $3 == "mnt" { mnt[$2] = $4; next }
    $1 == "L" { name = $0; sub(/^L [0-9]+ exe /, "", name); exe[$2] = name; next }
    $1 == "F" { at = $2; next }
    $1 == "S" { if ($2 in bound) holds[at] = holds[at] " " $2; next }
    $1 == "P" {
      if (host == "") { host = mnt["1"] == "" ? "self" : "1" }
      process($2)
    }
    END {
      for (inode in bound) {
        if (bound[inode] in told) continue
        told[bound[inode]] = 1
        split(bound[inode], f, " ")
        loopback = f[2] ~ /^127\./ || f[2] == "0000:0000:0000:0000:0000:0000:0000:0001"
        print "R\t" record("listener") ",\"protocol\":\"" f[1] "\",\"address\":\"" f[2] "\",\"port\":" f[3] \
          (holders[bound[inode]] == "" ? "" : ",\"processes\":[" holders[bound[inode]] "]") field("program", program[bound[inode]]) \
          ",\"open_to\":{\"reach\":\"" (loopback ? "loopback" : "unknown") "\",\"because\":\"" \
          (loopback ? "bound to loopback" : "packet filter not collected") "\"}}"
      }
      print "C\t" seen + 0 "\t" unreadable + 0
    }'
}

# What a library file says of itself: banner, and marks of its kind.
marks() {
  bounded grep -a -o -E 'OpenSSL [0-9]+\.[0-9]+\.[0-9]+[-+a-z0-9]*  ?(FIPS )?[0-9]{1,2} [A-Z][a-z][a-z] [0-9]{4}|LibreSSL [0-9]+\.[0-9.]+|BoringSSL|AWS-LC [0-9.]+|OPENSSLDIR[:] "|built on: [A-Za-z0-9: -]*' "$1" 2>/dev/null </dev/null |
    awk '!told[$0]++ && told_at++ < 20'
}

# The package that owns file $1: name, version, architecture, source, ecosystem; separated by tabs.
owner() {
  if have dpkg-query; then
    other=${1#/usr}
    [ "$other" != "$1" ] || other=/usr$1
    name=$(bounded dpkg-query -S "$1" 2>/dev/null </dev/null || bounded dpkg-query -S "$other" 2>/dev/null </dev/null)
    name=$(printf '%s\n' "$name" | sed -n '/^diversion /d; s/: .*$//; s/,.*$//; p; q')
    if [ -n "$name" ]; then
      bounded dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\t${source:Package}\tdpkg\n' "$name" 2>/dev/null </dev/null | sed 1q
      return
    fi
  fi
  if have rpm; then
    bounded rpm -qf --qf '%{NAME}\t%{EPOCH}:%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\trpm\n' "$1" 2>/dev/null </dev/null |
      awk -F '\t' -v OFS='\t' 'NF == 5 { sub(/^\(none\):/, "", $2); sub(/-[^-]*-[^-]*$/, "", $4); print; exit }'
    return
  fi
  if [ -r /lib/apk/db/installed ]; then
    bounded awk -v OFS='\t' -v want="${1#/}" '
      /^P:/ { p = substr($0, 3) } /^V:/ { v = substr($0, 3) } /^A:/ { a = substr($0, 3) }
      /^o:/ { o = substr($0, 3) } /^F:/ { f = substr($0, 3) }
      /^R:/ { if (f "/" substr($0, 3) == want || "usr/" f "/" substr($0, 3) == want) { print p, v, a, o, "apk"; exit } }' </lib/apk/db/installed
  fi
}

# In: the lines `M` of look. Copies that are the same file in the same place are one record.
libraries() {
  tab=$(printf '\t')
  awk -F '\t' -v OFS='\t' '
    { path = $0; for (i = 1; i <= 7; i++) sub(/^[^\t]*\t/, "", path)
      key = $4 "\t" $5 "\t" $6 "\t" $7 "\t" path
      if (!(key in first)) { order[++n] = key; first[key] = $2 "\t" $3 }
      pids[key] = pids[key] (pids[key] == "" ? "" : ",") $2 }
    END { for (i = 1; i <= n && i <= 500; i++) print first[order[i]], pids[order[i]], order[i] }' |
    while IFS=$tab read -r pid segment pids inode deleted own rest; do
      # The container may be empty, and read takes two tabs for one.
      case $rest in
        /*) container='' path=$rest ;;
        *) container=${rest%%"$tab"*} path=${rest#*"$tab"} ;;
      esac
      now='' change=''
      file=/proc/$pid/root$path
      if [ "$deleted" = 1 ]; then
        file=/proc/$pid/map_files/$segment
        if [ -e "/proc/$pid/root$path" ]; then change=replaced; else change=removed; fi
      else
        # shellcheck disable=SC2012 # stat is not everywhere
        now=$(bounded ls -Lid "$file" 2>/dev/null </dev/null | awk '{ print $1; exit }')
        if [ -n "$now" ] && [ "$now" != "$inode" ]; then
          # On layered file systems one file has two numbers: only another content is another file.
          bounded cmp -s "/proc/$pid/map_files/$segment" "$file" 2>/dev/null </dev/null
          if [ $? -eq 1 ]; then change=replaced deleted=1 file=/proc/$pid/map_files/$segment; fi
        fi
      fi
      owned=''
      if [ "$own" = 0 ] && [ "$change" != removed ]; then owned=$(owner "$path"); fi
      printf '%s\n' "$owned"
      printf '%s\n' "$pids" "$deleted" "$change" "$container" "$path"
      marks "$file"
      printf '\001\n'
    done |
    awk "$JSON"'
      { line[++n] = $0 }
      $0 == "\001" {
        banner = built = proof = kind = version = ""
        for (i = 7; i < n; i++) {
          if (line[i] ~ /^OpenSSL/) { if (banner == "") banner = line[i] }
          else if (line[i] ~ /^built on: /) { if (built == "") built = substr(line[i], 11) }
          else if (line[i] ~ /^OPENSSLDIR/) proof = "OPENSSLDIR"
          else if (line[i] ~ /^BoringSSL/) kind = "boringssl"
          else if (line[i] ~ /^AWS-LC/) kind = "aws-lc"
          else if (line[i] ~ /^LibreSSL/) { kind = "libressl"; version = substr(line[i], 10) }
        }
        split(line[1], o, "\t")
        ours = o[4] ~ /^(compat-)?openssl[0-9._-]*(-fips)?(-compat)?$/
        note = ""
        if (kind == "") kind = banner != "" || proof != "" || ours ? "openssl" : "unknown"
        # OpenSSL alone uses these names; those of LibreSSL have higher numbers, and BoringSSL has none.
        if (kind == "unknown" && line[6] ~ /\/lib(ssl|crypto)\.so\.(0\.9|1\.|[34]$|10$|10\.)/) { kind = "openssl"; note = "known by its file name alone" }
        if (kind == "openssl" && banner != "") { split(banner, f, " "); version = f[2] (f[3] == "FIPS" ? "-fips" : "") }
        text = record("library") ",\"path\":" json(line[6]) ",\"kind\":\"mapped\",\"lib\":\"" kind "\",\"role\":\"embeds\""
        text = text field("version", version) field("banner", banner) field("built_on", built)
        if (proof != "") text = text ",\"proof\":[\"" proof "\"]"
        if (line[3] == 1) text = text ",\"deleted\":true"
        text = text field("replaced", line[4])
        if (o[1] != "" && o[5] != "")
          text = text ",\"owner\":{\"package\":" json(o[1]) (line[4] == "" ? field("version", o[2]) : "") ",\"source\":" \
            json(o[4] == "" ? o[1] : o[4]) field("arch", o[3]) ",\"ecosystem\":" json(o[5]) "}"
        print text field("container", line[5]) ",\"processes\":[" line[2] "]" field("note", note) "}"
        n = 0
      }'
}

### The document

os_field() { sed -n "s/^$1=//p" /etc/os-release 2>/dev/null | sed -e '1!d' -e "s/^[\"']//" -e "s/[\"']\$//"; }

addresses() {
  if have ip; then ip -o addr show scope global 2>/dev/null | awk '{ sub(/\/.*/, "", $4); print $4 }' | sort -u; fi
}

header() {
  booted=$(awk '$1 == "btime" { print $2 }' /proc/stat 2>/dev/null)
  [ -z "$booted" ] || booted=$(date -u -d "@$booted" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
  printf '%s\n' "$(uname -n)" "$AT" "$(uname -r)" "$(uname -m)" "$(id -u)" "$booted" "$(os_field ID)" "$(os_field VERSION_ID)" \
    "$(os_field PRETTY_NAME)" "$(addresses | tr '\n' ' ')" "$seen" "$unreadable" "$npackages" "$late" "$hidden" |
    awk -v version="$VERSION" "$JSON"'
      function gap(part, what, count, example) {
        gaps = gaps (gaps == "" ? "" : ",") "{\"part\":\"" part "\",\"what\":\"" what "\",\"count\":" count \
          (example == "" ? "" : ",\"examples\":[" json(example) "]") "}"
      }
      { line[NR] = $0 }
      END {
        n = split(line[10], address, " ")
        for (i = 1; i <= n; i++) list = list (i > 1 ? "," : "") json(address[i])
        if (line[13] == 0) gap("packages", "no-database", 1)
        gap("updates", "not-collected", 1)
        if (line[12] > 0) gap("processes", "maps-unreadable", line[12])
        gap("processes", "linked-in-not-looked-for", 1, "programs that hold the library themselves")
        if (line[15] != "") gap("processes", "processes-hidden", 1, line[15])
        if (line[14] != "") gap("processes", "time-limit", 1, line[14])
        gap("files", "not-collected", 1, "/")
        gap("archives", "not-collected", 1)
        gap("exposure", "not-collected", 1, "packet filters")
        gap("secrets", "not-collected", 1)
        print record("header") ",\"host\":" json(line[1]) ",\"at\":" json(line[2]) ",\"tool\":" json("allclear-script " version) \
          ",\"collector\":\"script\"" (n ? ",\"addresses\":[" list "]" : "") \
          (line[7] == "" ? "" : ",\"os\":{\"id\":" json(line[7]) field("version", line[8]) field("name", line[9]) "}") \
          field("kernel", line[3]) field("arch", line[4]) field("booted_at", line[6]) ",\"root\":\"/\",\"uid\":" line[5] + 0 \
          ",\"privileged\":" (line[5] == "0" ? "true" : "false") ",\"coverage\":{\"complete\":false,\"parts\":[\"packages\",\"processes\",\"exposure\"]," \
          "\"gaps\":[" gaps "],\"processes_seen\":" line[11] + 0 ",\"maps_unreadable\":" line[12] + 0 "}}"
      }'
}

main() {
  LC_ALL=C
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
  export LC_ALL PATH
  umask 077
  MAX=600
  while [ $# -gt 0 ]; do
    case $1 in
      --max-seconds) MAX=${2:-600} ;;
      --max-seconds=*) MAX=${1#*=} ;;
    esac
    shift
  done
  case $MAX in '' | *[!0-9]*) MAX=600 ;; esac
  BEGAN=$(date +%s)
  AT=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  TIMEOUT=''
  # The one of an old busybox wants -t, and is not used.
  if timeout 5 true 2>/dev/null; then TIMEOUT=timeout; fi

  hidden=''
  [ -d /proc/1 ] || hidden='/proc shows no processes of other users (hidepid)'

  # The header counts what follows it, so that is held until then.
  looked=$(look)
  late=''
  case $looked in
    *"
C	"*) ;;
    *) late='processes: not all of them' ;;
  esac
  counts=$(printf '%s\n' "$looked" | sed -n 's/^C	//p')
  seen=${counts%%	*}
  unreadable=${counts##*	}
  records=$(printf '%s\n' "$looked" | sed -n 's/^R	//p' | sort)
  mapped=$(printf '%s\n' "$looked" | grep '^M	' | libraries | sort)
  packages=$(packages)
  npackages=$(printf '%s' "$packages" | grep -c '^{')
  [ $(($(date +%s) - BEGAN)) -lt "$MAX" ] || late='the time was over before the end'

  header
  printf '%s\n' "$packages" "$mapped" "$records" | sed '/^$/d'
  printf '%s\n' "$packages" "$mapped" "$records" |
    awk -v ms=$((($(date +%s) - BEGAN) * 1000)) "$JSON"'
      match($0, /"record":"[a-z]*"/) { n[substr($0, RSTART + 10, RLENGTH - 11)]++; all++ }
      END {
        m = split("package library process listener", kind, " ")
        for (i = 1; i <= m; i++) if (n[kind[i]]) list = list (list == "" ? "" : ",") "\"" kind[i] "\":" n[kind[i]]
        print record("footer") ",\"counts\":{" list "},\"records\":" all + 0 ",\"ms\":" ms "}"
      }'
}

main "$@"
