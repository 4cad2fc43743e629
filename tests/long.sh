#!/usr/bin/env bash
# What takes too long for every change, by hand. `tests/long.sh --help` tells what is run.
set -euo pipefail
export HOME=${HOME:-~} PATH
PATH+=:$HOME/.cargo/bin
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case $* in
  "") ;;
  --help)
    cat <<END
Usage: tests/long.sh

First properties are tested ten times, on other cases than those of every run. Prints the seed of each:
PROPTEST_RNG_SEED=SEED cargo test takes it again. Half an hour.

Then three replicas of a release build behind a real Envoy, 64 clients, and Redis gone for a minute: killed, paused, and behind a
port from which nothing arrives; then failovers of a cluster and of sentinels. No Check may fail. Prints for each how
many were admitted within a second, and how long they took. About ten minutes, after the build.

Then the server is killed 200 times while keys are created, rotated and revoked: what was acknowledged has to be there.

Then three replicas on PostgreSQL: 1 000 revocations with Redis and as many without, each in force everywhere within a
second; database and replicas killed 20 times during changes; a million keys copied from SQLite by a command that is killed
again and again. Another quarter of an hour.
END
    exit
    ;;
  *) "$0" --help >&2; exit 64 ;;
esac

for part in "envoy 1.40.0" redis postgres; do
  # shellcheck disable=SC2086 # a part may have a version
  tests/parts.sh $part >/dev/null
done
for _ in {1..10}; do
  seed=$SRANDOM
  echo "PROPTEST_RNG_SEED=$seed"
  PROPTEST_RNG_SEED=$seed cargo test --locked --quiet --lib --test counters --test decisions --test store_contract
done
DOORWARD_OUTAGE_SECONDS=60 cargo test --locked --release --test end_to_end shared_limits::failures -- \
  --nocapture --test-threads 1
DOORWARD_KILLS=200 cargo test --locked --release --test admin killed
DOORWARD_REVOCATIONS=1000 DOORWARD_KILLS=20 DOORWARD_COPIED_KEYS=1000000 \
  cargo test --locked --release --test end_to_end shared_store -- --nocapture --test-threads 1
