#!/bin/sh
# Fuzzes the decoders of what strangers send, FUZZ_SECONDS each, or only the targets that are named.
# A finding stays in fuzz/artifacts; replay it by giving its path as last argument.
set -eu
cd "$(dirname "$0")/../fuzz"

if ! command -v c++ >/dev/null; then
    echo "fuzzing needs a C++ compiler (libFuzzer is built from source): install g++ or clang" >&2
    exit 1
fi

# What libFuzzer wants to know of a run. Only flags of the stable compiler: the sanitizers of
# nightly look for faults that safe code does not have.
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
RUSTFLAGS="$RUSTFLAGS -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
RUSTFLAGS="$RUSTFLAGS -Cllvm-args=-sanitizer-coverage-pc-table"
RUSTFLAGS="$RUSTFLAGS -Cllvm-args=-sanitizer-coverage-trace-compares"
host=$(rustc -vV | sed -n 's/^host: //p')
targets=${*:-frame fragments presence turn_request turn_response update}

cargo run --quiet --release --locked --bin seeds
for target in $targets; do
    # With a target triple the flags leave build scripts alone.
    RUSTFLAGS="$RUSTFLAGS" cargo build --release --locked --target "$host" --bin "$target"
    mkdir -p "corpus/$target" artifacts
    # An input of 64 KiB is past every bound but those on memory, and those are tested by number.
    "target/$host/release/$target" "corpus/$target" -artifact_prefix="artifacts/$target-" \
        -max_total_time="${FUZZ_SECONDS:-60}" -max_len=65536 -rss_limit_mb=1024 -timeout=10 \
        -print_final_stats=1
done
