#!/bin/sh
# Print the first Python that is 3.9 or newer and can make virtual environments; nothing if there is none.
for name in python3 python python3.14 python3.13 python3.12 python3.11 python3.10 python3.9; do
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1; then
        command -v "$name"
        exit 0
    fi
done
exit 0
