#!/usr/bin/env bash
# Runs the end-to-end tests with the application under Spin instead of the embedded host.
set -euo pipefail
spin=${SPIN:-$(command -v spin || true)}
if [ -z "$spin" ]; then
    echo "skipped: there is no spin on the PATH; give one by SPIN=/path/to/spin (4.1 or newer, with the trigger-cron plugin)"
    exit 0
fi
"$spin" --version
CLASH_TEST_SPIN=$spin cargo test --release --locked -p clash-tests -- --test-threads 1
