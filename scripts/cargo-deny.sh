#!/bin/sh
# Licences, bans and sources of all dependencies; advisories too where the advisory database can be had.
# cargo-deny itself is built once into .cache/tools, by version.
set -eu

version=0.20.2
root=$(cd "$(dirname "$0")/.." && pwd)
tools="$root/.cache/tools/cargo-deny-$version"
deny="$tools/bin/cargo-deny"
cargo=${CARGO:-cargo}

if [ ! -x "$deny" ]; then
    echo "cargo-deny: building version $version, once, into .cache/tools" >&2
    "$cargo" install --quiet --locked --debug --version "$version" --root "$tools" \
        --target-dir "$root/.cache/tools/target" cargo-deny
    rm -rf "$root/.cache/tools/target"
fi

cd "$root"
"$deny" --locked check licenses bans sources

if "$deny" --locked fetch db >"$root/.cache/tools/advisories.log" 2>&1; then
    "$deny" --locked check --disable-fetch advisories
else
    echo "cargo-deny: ADVISORIES NOT CHECKED: the advisory database cannot be fetched from here" >&2
    [ "${MODELSEAL_REQUIRE_ADVISORIES:-}" != 1 ] || exit 1
fi
