#!/usr/bin/env bash
# Builds the image and runs it. `tests/image.sh --help` tells what is tried.
set -euo pipefail
export HOME=${HOME:-~} PATH
PATH+=:$HOME/.cargo/bin
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case $# in
  0 | 1) ;;
  *) "$0" --help >&2; exit 64 ;;
esac
if [[ ${1:-} == --help ]]; then
  cat <<'END'
Usage: tests/image.sh [BINARY]

Builds the image by the Dockerfile, as root, without a Docker engine: the build stage on this machine's own Rust, C compiler and
Debian in the place of the official image, since no image is fetched; the last stage as it is. A quarter of an hour the first time. With a
BINARY that is linked statically, the build stage is left out.

Then: the same image comes out twice; the binary is static and names no folder of this machine; and in a container, as the image's
user, with nothing to write to and no capability: the version, a configuration that is checked, a server that starts, is asked
and ends; names from /etc/hosts and from a name server, for Redis, and for an issuer whose keys come over HTTPS. Prints the
size and the digest.
END
  exit
fi

source tests/containers.sh
apart --mount "$@"
say() { printf '\n== %s\n' "$*"; }
fail() { echo "image.sh: $*" >&2; exit 1; }

work=$(mktemp -d)
pids=()
finish() {
  set +e
  podman rm --force --all
  kill "${pids[@]}"
  wait
  rm -rf "$work"
} >/dev/null 2>&1
trap finish EXIT
trap 'exit 130' INT TERM
containers_begin
for part in curl dnsmasq openssl readelf redis; do tests/parts.sh "$part" >/dev/null; done

say "build"
if [[ ${1:-} ]]; then
  stage=(--build-context "build=$(binary_stage "$1")")
else
  rust_stage
  stage=("${rust_options[@]}")
fi
build doorward . "${stage[@]}"
first=$(podman image inspect --format '{{.Id}}' doorward)
id=$(podman create doorward)
mkdir "$work/out"
podman export "$id" | tar -x -C "$work/out" --no-same-owner
podman rm "$id" >/dev/null

say "the same again"
mkdir -p "$work/again"
cp -r "$work/out" "$work/again/out"
rm -rf "$work/again/out/"{dev,proc,sys,run,etc/host*,etc/resolv.conf}
build again . --build-context "build=$work/again"
again=$(podman image inspect --format '{{.Id}}' again)
[[ $first == "$again" ]] || fail "two images of the same files differ: $first, $again"
echo "sha256:$first twice"

say "the binary"
if readelf --program-headers "$work/out/doorward" | grep -q INTERP; then
  fail "it wants a loader, which the image does not have: link it statically"
fi
for name in "$PWD" "${CARGO_HOME:-$HOME/.cargo}" index.crates.io; do
  ! grep -qaF "$name/" "$work/out/doorward" || fail "it names $name/, so that other machines make other bytes"
done
version=$(podman image inspect --format '{{index .Labels "org.opencontainers.image.version"}}' doorward)
grep -qx "version = \"$version\"" Cargo.toml || fail "the label says $version, Cargo.toml something else"
[[ ${1:-} || -s $work/out/usr/share/doorward/bom.json ]] || fail "it is not told what is linked in"
find "$work/out" -type f -size +0 -printf '%10s /%P\n' | sort -rn

# Each as Kubernetes' restricted profile has it.
run() {
  podman run --rm --network none --read-only --read-only-tmpfs=false --cap-drop all --security-opt no-new-privileges "$@"
}

say "in a container"
said=$(run doorward --version)
[[ $said == "doorward $version" ]] || fail "--version says: $said"
run --volume "$PWD/examples:/etc/doorward:ro" doorward config check /etc/doorward/cortex-edr.yaml

cat >"$work/server.yaml" <<'END'
listen: { check: ["unix:/run/doorward/check.sock"], telemetry: 127.0.0.1:9193 }
store: sqlite:/run/doorward/doorward.db
shutdown: { drain: 0s }
apis:
  - name: shop
    hosts: [shop.example.com]
    credentials: [{ api_key: { prefix: shop_, from: [{ header: { name: x-api-key } }] } }]
    routes: [{ match: /** }]
END
echo "127.0.0.1 login.example.com" >"$work/hosts"
printf 'nameserver 127.0.0.1\nsearch shop.svc.cluster.local\noptions ndots:5\n' >"$work/resolv.conf"
names=(--volume "$work/hosts:/etc/hosts:ro" --volume "$work/resolv.conf:/etc/resolv.conf:ro")
server=$(run "${names[@]}" --detach --volume "$work/server.yaml:/etc/doorward/doorward.yaml:ro" \
  --mount type=tmpfs,destination=/run/doorward,tmpfs-mode=0777 doorward)
until_true() {
  for _ in {1..200}; do
    ! "$@" >/dev/null 2>&1 || return 0
    sleep 0.05
  done
  fail "not within ten seconds: $*"
}
pid=$(podman inspect --format '{{.State.Pid}}' "$server")
in_network() { nsenter --net --target "$pid" "$@"; }
until_true in_network curl --fail --silent http://127.0.0.1:9193/readyz
podman exec "$server" /doorward keys create --api shop --name first --organization acme >/dev/null
podman exec "$server" /doorward doctor
who=$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")
[[ $who == 65532 ]] || fail "it runs as user $who"

say "names, and authorities"
in_network dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --no-hosts --no-resolv \
  --listen-address=127.0.0.1 --bind-interfaces --address=/counters.shop.svc.cluster.local/127.0.0.1 2>"$work/dnsmasq.log" &
pids+=($!)
in_network "$(tests/parts.sh redis)" --bind 127.0.0.1 --save '' --dir "$work" --maxmemory-policy noeviction >"$work/redis.log" &
pids+=($!)
(
  cd "$work"
  openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=authority -keyout ca.key -out ca.crt
  openssl req -newkey rsa:2048 -nodes -subj /CN=login -keyout login.key -out login.csr
  openssl x509 -req -in login.csr -CA ca.crt -CAkey ca.key -days 1 -extfile <(echo subjectAltName=DNS:login.example.com) -out login.crt
) 2>/dev/null
cat >"$work/login.py" <<'END'
import base64, http.server, json, os, ssl
class Keys(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        modulus = base64.urlsafe_b64encode(b"\xc1" + os.urandom(254) + b"\x01").rstrip(b"=").decode()
        body = json.dumps({"keys": [{"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig", "n": modulus, "e": "AQAB"}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.HTTPServer(("127.0.0.1", 443), Keys)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("login.crt", "login.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
END
(cd "$work" && exec nsenter --net --target "$pid" python3 login.py 2>login.log) &
pids+=($!)
until_true in_network bash -c 'exec 3<>/dev/tcp/127.0.0.1/443 4<>/dev/tcp/127.0.0.1/6379 5<>/dev/tcp/127.0.0.1/53'
cat "$work/server.yaml" - >"$work/names.yaml" <<'END'
  - name: login
    hosts: [login.example.org]
    credentials:
      - jwt:
          issuer: https://login.example.com
          audience: shop
          keys: { jwks: { url: https://login.example.com/jwks.json, private_addresses: allow } }
          from: [{ header: { name: authorization, scheme: Bearer } }]
          claims: { id: sub }
    limits: { by: credential, quotas: [10/minute] }
    routes: [{ match: /** }]
END
doctor() {
  podman run --rm --network "container:$server" "${names[@]}" --read-only --cap-drop all \
    --env DOORWARD_COUNTERS=redis://counters:6379 \
    --mount type=tmpfs,destination=/run/doorward,tmpfs-mode=0777 --volume "$work/names.yaml:/etc/doorward/doorward.yaml:ro" \
    "$@" doorward doctor 2>&1 || echo "exit code $?"
}
# Those whom the image trusts did not sign the issuer's certificate; once they did, it is accepted.
doctor >"$work/stranger.txt"
grep -qi 'UnknownIssuer\|unknown issuer' "$work/stranger.txt" ||
  fail "a certificate of a stranger is not refused as one: $(cat "$work/stranger.txt" "$work/dnsmasq.log" "$work/login.log")"
doctor --volume "$work/ca.crt:/etc/ssl/certs/ca-certificates.crt:ro" >"$work/names.txt"
cat "$work/names.txt"
! grep -q 'fail\|unreachable\|exit code' "$work/names.txt" || fail "something is not found, see above"

say "ended"
podman stop --time 20 "$server" >/dev/null
! podman ps --format '{{.ID}}' | grep -q . || fail "the server does not end"

say "the image"
podman image inspect --format 'sha256:{{.Id}}, {{.Size}} bytes' doorward
