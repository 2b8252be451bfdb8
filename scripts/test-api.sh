#!/usr/bin/env bash
# Fuzzes every operation of /openapi.json on a stack of its own: no 5xx, no answer that is not
# described. EXAMPLES says how many requests are made up for each operation.
set -euo pipefail
cd "$(dirname "$0")/.."
clash=$1
examples=${EXAMPLES:-20}
venv=target/schemathesis
version=4.32.5

if [ "$("$venv/bin/python" -c 'import importlib.metadata as m; print(m.version("schemathesis"))' 2>/dev/null)" != "$version" ]; then
    echo "test-api: installing schemathesis $version"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
fi

directory=$(mktemp -d)
"$clash" up --no-atelier --listen 127.0.0.1:0 --state-dir "$directory/state" \
    --variable rate_limit_read=0 --variable rate_limit_write=0 \
    >"$directory/out" 2>"$directory/err" &
stack=$!
trap 'kill "$stack" 2>/dev/null; wait "$stack" 2>/dev/null; rm -rf "$directory"' EXIT
for _ in $(seq 600); do
    url=$(sed -n 's/^Serving //p' "$directory/out")
    [ -n "$url" ] && break
    kill -0 "$stack" 2>/dev/null || { cat "$directory/err"; exit 1; }
    sleep 0.5
done
[ -n "$url" ] || { echo "test-api: the stack does not serve"; cat "$directory/err"; exit 1; }

token=$("$clash" token --sub fuzzer --role admin --ttl 6h --state-dir "$directory/state")
# These two would end the fuzzer's own token, and what follows would only be 401s.
if ! SCHEMATHESIS_HOOKS=scripts/schemathesis_hooks.py "$venv/bin/st" run "$url/openapi.json" \
    --header "Authorization: Bearer $token" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --exclude-operation-id logOutEverywhere --exclude-operation-id revokeTokens \
    --phases examples,coverage,fuzzing \
    --max-examples "$examples" --continue-on-failure --suppress-health-check all --warnings off; then
    echo "test-api: the stack's last words:"
    tail -n 20 "$directory/err"
    exit 1
fi
