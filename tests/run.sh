#!/usr/bin/env bash
# Runs every test, with the real parts. `tests/run.sh --help` tells what is run.
set -euo pipefail
export HOME=${HOME:-~} PATH
PATH+=:$HOME/.cargo/bin
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The Envoys that are tested against: the oldest and the newest that is supported.
envoys=(1.36.4 1.40.0)
# The same of Helm.
helms=(3.18.0 4.3.1)

case $* in
  "") ;;
  --help)
    cat <<END
Usage: tests/run.sh

Installs what is missing (a C compiler, Redis, PostgreSQL, the Envoys ${envoys[*]}, the Helms ${helms[*]}, what judges the
documents of Kubernetes), then checks the formatting and the definitions of the admin API, runs the lints, and runs all tests: units,
properties, the store's contract, counters in real Redis servers, the command line, Doorward behind real Envoys, what the chart renders,
and for a moment each all that the bench \`serving\` measures. Only loopback and temporary folders. The first build takes some minutes.

tests/image.sh and tests/pods.sh, which run the image and the chart's pods, take longer: by hand.

The vectors of Project Wycheproof are no part of the project: DOORWARD_VECTORS names a folder with them
(json_web_signature_test.json, json_web_key_test.json, hmac_sha256_test.json). Where it is not set,
../shared/vectors is taken if it is there; otherwise these tests are not run, and it says so at the end.
END
    exit
    ;;
  *) "$0" --help >&2; exit 64 ;;
esac

say() { printf '\n== %s\n' "$*"; }

command -v cargo >/dev/null || { echo "run.sh: Rust is missing: install it as https://rustup.rs says" >&2; exit 1; }

say "parts"
command -v cc >/dev/null || tests/parts.sh cc
tests/parts.sh redis
tests/parts.sh postgres
for version in "${envoys[@]}"; do tests/parts.sh envoy "$version"; done
for version in "${helms[@]}"; do tests/parts.sh helm "$version"; done
tests/parts.sh kubernetes-validate 1.37.0

say "formatting"
cargo fmt --check

say "lints"
tests/proto.sh
cargo clippy --locked --all-targets -- -D warnings

say "tests"
vectors=../shared/vectors
if [[ ! ${DOORWARD_VECTORS:-} && -d $vectors ]]; then
  DOORWARD_VECTORS=$(cd "$vectors" && pwd)
  export DOORWARD_VECTORS
fi
cargo test --locked --no-fail-fast
# Whether everything that is measured is answered as it should be; how fast is no matter here.
cargo test --locked --bench serving -- smoke
if [[ ! ${DOORWARD_VECTORS:-} ]]; then
  say "NOT RUN: the vectors of Project Wycheproof, since DOORWARD_VECTORS names no folder with them"
fi
