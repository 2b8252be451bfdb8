#!/usr/bin/env bash
# Installs what building Master Clash needs and this machine lacks: the WASI target of the Rust
# compiler. Safe to repeat and to interrupt: what is there already is left alone, and the target
# is put in place by one rename at the end.
set -euo pipefail

target=wasm32-wasip2
say() { printf 'setup: %s\n' "$*" >&2; }
give_up() {
    say "cannot install the Rust target $target: $1"
    say "install Rust by rustup (https://rustup.rs) and run: rustup target add $target"
    exit 1
}

command -v cargo >/dev/null || give_up "cargo is not on the PATH"
sysroot=$(rustc --print sysroot)
place="$sysroot/lib/rustlib/$target"

installed() { compgen -G "$place/lib/libstd-*.rlib" >/dev/null && [ -e "$place/lib/self-contained/crt1-command.o" ]; }

from_rustup() {
    command -v rustup >/dev/null || return 1
    say "asking rustup for $target"
    timeout 300 rustup target add "$target" >&2 && installed
}

# Debian packages the standard library's source and WASI's C library. Out of them the target is
# built for the compiler that is here, without root and without touching the system.
from_debian() {
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
    local release work suite version
    release=$(rustc --version | cut -d' ' -f2)
    work=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" RETURN
    for suite in trixie-backports trixie sid; do
        say "looking for rust-src $release in Debian $suite"
        apt_for_suite "$work" "$suite" || continue
        version=$(apt_private "$work" madison rust-src 2>/dev/null | awk -v want="$release" -F'|' '{gsub(/ /,"",$2); if (index($2, want) == 1) {print $2; exit}}')
        [ -n "$version" ] || continue
        (cd "$work" && apt_get_private "$work" download "rust-src=$version" wasi-libc >/dev/null 2>&1) || continue
        build_target "$work" && return 0
    done
    return 1
}

apt_options() {
    printf '%s\n' -o "Dir::Etc::SourceList=$1/sources.list" -o "Dir::Etc::SourceParts=-" \
        -o "Dir::State=$1/state" -o "Dir::Cache=$1/cache" -o "APT::Get::List-Cleanup=0"
}
apt_private() { local work=$1; shift; local options; mapfile -t options < <(apt_options "$work"); apt-cache "${options[@]}" "$@"; }
apt_get_private() { local work=$1; shift; local options; mapfile -t options < <(apt_options "$work"); apt-get "${options[@]}" "$@"; }

# A private apt configuration: this machine's own Debian mirror, another suite.
apt_for_suite() {
    local work=$1 suite=$2 mirror
    mirror=$( { grep -hE '^URIs:' /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '{print $2}'
                grep -hE '^deb ' /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed 's/\[[^]]*\]//' | awk '{print $2}'; } \
              | grep -E '/debian/?$' | head -1)
    [ -n "$mirror" ] || return 1
    mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" >"$work/sources.list"
    apt_get_private "$work" update >/dev/null 2>&1
}

build_target() {
    local work=$1 package source libc
    for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
    # The compiler's own tests hold another folder of this name, deeper down.
    source=$(find "$work/root" -maxdepth 6 -type d -path '*/rustc-*/library/std' -not -path '*/tools/*' -print -quit)
    libc=$(find "$work/root" -type d -path "*/lib/$target" -print -quit)
    [ -n "$source" ] && [ -n "$libc" ] || return 1
    source=$(dirname "$source")
    local expected="$sysroot/lib/rustlib/src/rust/library"
    if [ ! -e "$expected/Cargo.lock" ]; then
        mkdir -p "$(dirname "$expected")"
        rm -rf "$expected" "$expected.new"
        cp -r "$source" "$expected.new"
        mv "$expected.new" "$expected"
    fi
    say "building the standard library for $target (under a minute)"
    mkdir -p "$work/empty/src"
    : >"$work/empty/src/lib.rs"
    printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$work/empty/Cargo.toml"
    (cd "$work/empty" && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/build" cargo build --release \
        -Zbuild-std=std,panic_abort,panic_unwind --target "$target" >&2) || return 1
    local staged="$place.new.$$"
    mkdir -p "$staged/lib/self-contained"
    cp "$work/build/$target/release/deps"/*.rlib "$staged/lib/"
    rm -f "$staged/lib"/libempty-*.rlib
    cp "$libc/crt1-command.o" "$libc/crt1-reactor.o" "$libc/libc.a" "$staged/lib/self-contained/"
    rm -rf "$place"
    mv "$staged" "$place"
}

if installed; then exit 0; fi
from_rustup || from_debian || give_up "neither rustup nor Debian's packages gave it"
installed || give_up "it is incomplete after the installation"
say "the Rust target $target is ready"
