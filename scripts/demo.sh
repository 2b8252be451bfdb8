#!/usr/bin/env bash
# Turns the sample story into a film: demo.sh CLASH LISTEN STATE_DIR OUT.
# Uses the stack that serves at LISTEN, or starts one for the length of the demo.
set -euo pipefail
clash=$1 listen=$2 state=$3 out=$4

answers() { exec 3<>"/dev/tcp/${listen%:*}/${listen##*:}" && exec 3>&-; }

if answers 2>/dev/null; then
    echo "using the stack at http://$listen"
    "$clash" film examples/story.csv --out "$out" --url "http://$listen" --state-dir "$state"
else
    echo "starting the stack at http://$listen (state in $state)"
    mkdir -p "$state"
    "$clash" up --listen "$listen" --state-dir "$state" >"$state/up.out" 2>"$state/up.log" &
    stack=$!
    trap 'kill "$stack" 2>/dev/null; wait "$stack" 2>/dev/null || true' EXIT
    # The first start compiles the components to machine code.
    for _ in $(seq 600); do
        grep -q '^Serving http' "$state/up.out" && break
        if ! kill -0 "$stack" 2>/dev/null; then
            cat "$state/up.log" >&2
            exit 1
        fi
        sleep 0.2
    done
    url=$(sed -n 's/^Serving \(http[^ ]*\).*/\1/p' "$state/up.out" | head -1)
    [ -n "$url" ] || { echo "the stack did not start within two minutes; see $state/up.log" >&2; exit 1; }
    "$clash" film examples/story.csv --out "$out" --url "$url" --state-dir "$state"
fi
echo "the film is at $out/film.mp4"
