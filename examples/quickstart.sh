#!/usr/bin/env bash
# Doorward behind a real Envoy, in one command. `examples/quickstart.sh --help` tells what it does.
set -euo pipefail

usage() {
  cat <<'END'
Usage: examples/quickstart.sh [--once]

Starts an upstream that echoes what it receives, Doorward with examples/cortex-edr.yaml on an embedded
store, and a real Envoy in front of both; shows requests and their answers in full, and checks each; then
leaves all of it running for your own curl until Ctrl-C. Only loopback, free ports, a temporary folder.

  --once    end after the tour: exit 0 if every answer was the expected one, otherwise 1

It needs Rust and Python on Debian. What else is missing (a C compiler, curl, Envoy) it installs, as root.
The first build takes some minutes.
END
}

once=
case $* in
  "") ;;
  --once) once=yes ;;
  --help) usage; exit ;;
  *) usage >&2; exit 64 ;;
esac

# What an empty environment lacks: bash has its own defaults for these.
export HOME=${HOME:-~} PATH
PATH+=:$HOME/.cargo/bin
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bold='' cyan='' yellow='' green='' red='' plain=''
if [[ -t 1 && ! ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' cyan=$'\e[36m' yellow=$'\e[33m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

config=examples/cortex-edr.yaml
work=$(mktemp -d)
declare -A pids=()

stop() {
  set +e
  kill "${pids[@]}"
  for _ in {1..50}; do
    kill -0 "${pids[@]}" || break
    sleep 0.1
  done
  kill -KILL "${pids[@]}"
  wait
  rm -rf "$work"
} 2>/dev/null
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# fail MESSAGE [NAME]: gives up, showing the end of NAME's log.
fail() {
  echo "quickstart.sh: $1" >&2
  [[ ! ${2:-} ]] || tail -n 30 "$work/$2.log" >&2
  exit 1
}

# start NAME COMMAND...: runs a part in the background.
start() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 &
  pids[$name]=$!
}

# await NAME COMMAND...: waits until COMMAND succeeds; NAME is the part that is to become ready.
await() {
  local name=$1 deadline=$((SECONDS + 30))
  shift
  until "$@" >/dev/null 2>&1; do
    kill -0 "${pids[$name]}" 2>/dev/null || fail "$name ended before it was ready. Its last words:" "$name"
    ((SECONDS < deadline)) || fail "$name is not ready after 30 seconds. Is the machine busy? Its last words:" "$name"
    sleep 0.1
  done
}

get() { curl -q -fsS --noproxy '*' --max-time 5 "$@"; }

# json EXPRESSION: evaluates a Python expression over the JSON on stdin, which is `it`.
json() { python3 -c 'import json, sys; it = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }

# cli WORD...: shows a command of Doorward's CLI, runs it, and shows its answer, which it leaves in `answer`.
cli() {
  echo "$bold\$ doorward$(printf ' %q' "$@")$plain"
  answer=$("$doorward" "$@") || fail "that command failed; see above"
  echo "$answer"
}

# create_key WORD...: creates a key, and sets `key` and `id`.
create_key() {
  cli keys create --config "$config" --api cortex-edr --organization acme --output json "$@"
  key=$(json 'it["key"]' <<<"$answer")
  id=$(json 'it["id"]' <<<"$answer")
}

# step TITLE EXPECTED WORD...: sends a request by curl with these words, shows it and its answer, and checks
# the answer. EXPECTED is a Python expression; see `judge`.
step() {
  local title=$1 expected=$2
  shift 2
  printf '\n%s%d. %s%s\n' "$bold" "$((++steps))" "$title" "$plain"
  curl -q -sSv --noproxy '*' --max-time 10 -H 'Host: api.cortex-edr.com' "$@" >"$work/body" 2>"$work/trace" ||
    cat "$work/trace"
  sed -nE "s/\r$//; s/^>.*/$cyan&$plain/p; s/^<.*/$yellow&$plain/p" "$work/trace"
  cat "$work/body"
  echo
  if judge "$expected"; then
    echo "${green}ok$plain"
  else
    failed=$((failed + 1))
    echo "${red}FAILED$plain, since this does not hold: $expected"
  fi
}

judge() {
  python3 - "$1" "$work/trace" "$work/body" <<'END'
import json, re, sys

expected, trace, body = sys.argv[1], *(open(path, encoding="latin-1").read() for path in sys.argv[2:])
status = int(re.search(r"^< HTTP/\S+ (\d+)|\Z", trace, re.M)[1] or 0)


def seen(name):
    """What the upstream received under this name, in any spelling of it."""
    return [value for header, value in it["headers"] if re.sub("[_.]", "-", header.lower()) == name]


def told(name):
    """The number that the client received in this header."""
    return int(re.search(rf"^< {name}: (\d+)", trace, re.M)[1])


def refused(code, message, required, provided):
    details = {"required_permissions": required, "provided_permissions": provided}
    return it == {"error": {"code": code, "message": message, "details": details}}


try:
    it = json.loads(body)
    sys.exit(not eval(f"({expected})"))
except (KeyError, TypeError, ValueError):
    sys.exit(1)
END
}

command -v cargo >/dev/null || fail "Rust is missing: install it as https://rustup.rs says, then run this again"
# Envoy first: parts.sh brings Python too, should it be missing.
envoy=$(tests/parts.sh envoy 1.40.0)
for command in cc curl; do
  command -v "$command" >/dev/null || tests/parts.sh "$command" >/dev/null
done
echo "Building Doorward..."
# The debug profile, which the tests build too: nothing is compiled twice.
doorward=$(cargo build --locked --bin doorward --message-format json-render-diagnostics |
  python3 -c 'import json, sys; print(*filter(None, (json.loads(line).get("executable") for line in sys.stdin)))')

start upstream python3 examples/echo.py --port 0
await upstream test -s "$work/upstream.log"
upstream_port=$(<"$work/upstream.log")

read -r check_port telemetry_port < <(python3 -c '
import socket
print(*(s.getsockname()[1] for s in [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]))')
export DOORWARD_STORE="sqlite:$work/doorward.db"
export DOORWARD_LISTEN__CHECK="[\"127.0.0.1:$check_port\"]"
export DOORWARD_LISTEN__TELEMETRY="127.0.0.1:$telemetry_port"
start doorward "$doorward" serve --config "$config"
await doorward get "http://127.0.0.1:$telemetry_port/readyz"

# With port 0 Envoy takes free ports by itself, and tells them.
sed "s/port_value: 10000/port_value: 0/; s/port_value: 9901/port_value: 0/
  s/port_value: 9191/port_value: $check_port/; s/port_value: 8080/port_value: $upstream_port/" \
  examples/envoy.yaml >"$work/envoy.yaml"
start envoy "$envoy" -c "$work/envoy.yaml" --admin-address-path "$work/admin" --disable-hot-restart \
  --concurrency 1 --log-level warning --file-flush-interval-msec 100
await envoy test -s "$work/admin"
admin=http://$(<"$work/admin")
await envoy get "$admin/ready"
port='it["listener_statuses"][0]["local_address"]["socket_address"]["port_value"]'
url=http://127.0.0.1:$(get "$admin/listeners?format=json" | json "$port")

steps=0 failed=0
unauthorized='refused("UNAUTHORIZED", "Invalid API key provided", ["read"], [])'

echo "Envoy is at $url. A key that may read, and one for tests:"
create_key --name "test reader" --environment test --scope read
test_key=$key
create_key --name reader --environment live --scope read

step "An allowed read: the upstream learns who asks, and does not see the key; the client, what is left of its plan" \
  'status == 200 and told("x-ratelimit-limit") == 100 and told("x-ratelimit-remaining") == 99
    and seen("x-principal-kind") == ["api_key"] and seen("x-principal-organization") == ["acme"]
    and seen("x-principal-scopes") == ["read"] and seen("x-principal-environment") == ["live"]
    and seen("x-principal-credential") == ["'"$id"'"] and seen("authorization") == []' \
  -H "Authorization: Bearer $key" "$url/v1/scans?page=2"

step "No key" "status == 401 and $unauthorized" "$url/v1/scans"

last=x
[[ $key != *x ]] || last=y
step "A wrong key: one character differs" "status == 401 and $unauthorized" \
  -H "Authorization: Bearer ${key%?}$last" "$url/v1/scans"

step "A missing scope: this key may not write" \
  'status == 403 and refused("FORBIDDEN", "Insufficient permissions", ["write"], ["read"])' \
  -X POST -H "Authorization: Bearer $key" "$url/v1/scans"

forged=(-H 'X-Principal-Id: root' -H 'x-principal-id: root' -H 'X_Principal_Id: root' -H 'x-principal_scopes: root')
step "A forged principal: none of it arrives" \
  'status == 200 and len(seen("x-principal-id")) == 1 and "root" not in str(it)' \
  "${forged[@]}" -H "Authorization: Bearer $key" "$url/v1/scans"

step "A forged principal on a public route, without a key" 'status == 200 and "root" not in str(it)' \
  "${forged[@]}" "$url/v1/status"

step "A test key in the query, which is taken out of it" \
  'status == 200 and it["path"] == "/v1/scans?page=2" and seen("x-principal-environment") == ["test"]' \
  "$url/v1/scans?api_key=$test_key&page=2"

printf '\nA hundred more requests with the first key, whose plan has room for a hundred a minute.\n'
curl -q -sS --noproxy '*' --max-time 30 -o /dev/null -H 'Host: api.cortex-edr.com' \
  -H "Authorization: Bearer $key" "$url/v1/reports?page=[1-100]"
step "One more than there is room for" \
  'status == 429 and told("x-ratelimit-remaining") == 0 and told("retry-after") > 0
    and refused("RATE_LIMITED", "Rate limit exceeded", ["read"], ["read"])' \
  -H "Authorization: Bearer $key" "$url/v1/scans"

echo
cli keys revoke --config "$config" "$id"
sleep 1
step "The first key, revoked a second ago" "status == 401 and $unauthorized" \
  -H "Authorization: Bearer $key" "$url/v1/scans"

printf '\n%s%d. No log holds a key%s\n' "$bold" "$((++steps))" "$plain"
if grep -F -e "$key" -e "$test_key" "$work"/*.log; then
  failed=$((failed + 1))
  echo "${red}FAILED$plain"
else
  echo "${green}ok$plain"
fi

printf '\n%sOf %d steps, %d failed.%s\n' "$bold" "$steps" "$failed" "$plain"
[[ ! $once ]] || exit "$((failed > 0))"

echo "Now yours, with a key that may write:"
create_key --name yours --environment live --scope write
cat <<END

  curl -H 'Host: api.cortex-edr.com' -H 'Authorization: Bearer $key' '$url/v1/scans'
  curl -H 'Host: api.cortex-edr.com' -H 'Authorization: Bearer $key' '$url/v1/users'

The CLI works on the same store after
  export DOORWARD_STORE=$DOORWARD_STORE DOORWARD_CONFIG=$PWD/$config
  $doorward keys list

Logs: $work/{envoy,doorward}.log. Ctrl-C ends it all.
END
trap 'exit "$((failed > 0))"' INT TERM
# Whichever part ends first, and with whatever code: the loop below tells which one it was, and fails.
wait -n || true
for name in "${!pids[@]}"; do
  kill -0 "${pids[$name]}" 2>/dev/null || fail "$name has ended. Its last words:" "$name"
done
