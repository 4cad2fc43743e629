#!/usr/bin/env bash
# Runs the chart's pods for real. `tests/pods.sh --help` tells what is tried.
set -euo pipefail
export HOME=${HOME:-~} PATH
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case $# in
  1) ;;
  *) "$0" --help >&2; exit 64 ;;
esac
if [[ $1 == --help ]]; then
  cat <<'END'
Usage: tests/pods.sh BINARY

Renders the chart, and runs its pods in podman, as root, with an image of BINARY, which is linked statically: tests/image.sh
leaves one at target/image/target/TARGET/release/doorward. What a kubelet does beside podman is done by tests/pods/kubelet.py: the
order of sidecars, probes, hooks, grace periods.

Two replicas with PostgreSQL behind an Envoy are replaced one after the other under load: no request fails. Then a pod with
Doorward and Envoy as sidecars of an application, for each of the four products in `examples`, and that of examples/sidecar.yaml:
allowed with a key, refused without, and no forged header arrives. Three minutes.
END
  exit
fi

source tests/containers.sh
apart --net "$@"
say() { printf '\n== %s\n' "$*"; }

work=$(mktemp -d)
chmod 711 "$work"
pids=()
postgres=
finish() {
  set +e
  podman pod rm --force --time 0 --all
  podman rm --force --time 0 --all
  kill "${pids[@]}"
  [[ ! $postgres ]] || as_postgres "$postgres/pg_ctl" stop --pgdata "$work/postgres" --mode immediate
  wait
  rm -rf "$work"
} >/dev/null 2>&1
trap finish EXIT
trap 'exit 130' INT TERM
containers_begin
for part in curl dnsmasq ip postgres; do tests/parts.sh "$part" >/dev/null; done
helm=$(tests/parts.sh helm 4.3.1)
python=$(tests/parts.sh kubernetes-validate 1.37.0)
envoy=$(tests/parts.sh envoy 1.40.0)
export WORK=$work PODMAN="podman ${storage[*]} --tmpdir $work/tmp"

as_postgres() { (cd / && exec setpriv --reuid postgres --regid postgres --clear-groups "$@"); }

say "images"
build "doorward:$(sed -n 's/^appVersion: *"\?\([^"]*\)"\?$/\1/p' helm/Chart.yaml)" . --build-context "build=$(binary_stage "$1")"
program_image envoyproxy/envoy:v1.40.0 "$envoy"
program_image python /usr/bin/python3 "$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
mkdir "$work/notes"
cp examples/echo.py "$work/notes"
printf 'FROM localhost/python\nCOPY echo.py /\nENTRYPOINT ["python3", "/echo.py"]\n' >"$work/notes/Dockerfile"
build example.com/notes:1.0.0 "$work/notes"

ip link set lo up
ip link add cluster type bridge
ip address add 10.7.0.1/24 dev cluster
ip link set cluster up

say "PostgreSQL"
postgres=$(dirname "$(tests/parts.sh postgres)")
install -d -o postgres -m 700 "$work/postgres"
as_postgres "$postgres/initdb" --auth=trust --username=doorward --pgdata "$work/postgres" >/dev/null
echo "host all all 10.7.0.0/24 trust" >>"$work/postgres/pg_hba.conf"
as_postgres "$postgres/pg_ctl" start --wait --silent --pgdata "$work/postgres" --log "$work/postgres/log" \
  --options "-c listen_addresses=10.7.0.1 -c unix_socket_directories=$work/postgres"
for database in doorward contox cortex-edr odin-cortex prompt-orchestra; do
  as_postgres "$postgres/createdb" --host "$work/postgres" --username doorward "$database"
done

say "two replicas are replaced under load"
python3 examples/echo.py 2>/dev/null &
pids+=($!)
"$helm" template release helm --values tests/pods/rollout.yaml | "$python" tests/pods/rollout.py

say "sidecars of an application"
cp -r tests/chart/consumer "$work/consumer"
mkdir -p "$work/consumer/charts"
cp -r helm "$work/consumer/charts/doorward"
HELM=$helm BINARY=$(realpath "$1") "$python" tests/pods/sidecar.py
