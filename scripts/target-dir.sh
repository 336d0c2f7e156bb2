#!/bin/sh
# Print the directory that Cargo builds into.
set -eu
"${CARGO:-cargo}" metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
