#!/usr/bin/env bash
# Checks the definitions of the admin API. `tests/proto.sh --help` tells how.
set -euo pipefail
export PATH # unset in an empty environment, where bash has a default of its own
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What the last release had.
released=proto/released.binpb

usage() {
  cat <<END
Usage: tests/proto.sh [--release]

Holds the definitions in proto/ to the rules of buf.yaml, and to what the last release had ($released):
nothing may change that breaks those who use it. With --release, what there is now becomes what the last
release had.
END
}

buf() { "$(tests/parts.sh buf 1.75.0)" "$@"; }

case $* in
  "") buf lint && buf breaking --against "$released" ;;
  --release) buf build --exclude-source-info -o "$released" ;;
  --help) usage ;;
  *) usage >&2; exit 64 ;;
esac
