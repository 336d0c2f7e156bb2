#!/bin/sh
# The core crate verifies models inside other people's processes: it must not be able to open a connection or start a
# runtime. This fails when one of the packages below enters its dependency tree, on any target and with any feature.
set -eu

tree=$("${CARGO:-cargo}" tree --locked --package modelseal-core --edges normal,build --target all --all-features --prefix none)
packages=$(printf '%s\n' "$tree" | cut -d ' ' -f 1 | sort -u)
printf '%s\n' "$packages" | grep -qx modelseal-core || {
    echo "core boundary: the dependency tree of modelseal-core could not be read" >&2
    exit 1
}
status=0
for name in reqwest hyper tokio rustls vaultrs rustify; do
    if printf '%s\n' "$packages" | grep -qx "$name"; then
        echo "core boundary: modelseal-core depends on $name; see: cargo tree -p modelseal-core -i $name" >&2
        status=1
    fi
done
[ "$status" -ne 0 ] || echo "core boundary: $(printf '%s\n' "$packages" | wc -l | tr -d ' ') packages, none of them has a network or a runtime"
exit "$status"
