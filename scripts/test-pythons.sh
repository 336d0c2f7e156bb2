#!/bin/sh
# Run the smoke tests against one wheel on every other CPython, 3.9 to 3.14, that is found on PATH or under pyenv.
#
# Usage: test-pythons.sh PYTHON-ALREADY-TESTED WHEEL
set -eu

done_python=${1:?usage: test-pythons.sh PYTHON WHEEL}
wheel=${2:?usage: test-pythons.sh PYTHON WHEEL}
root=$(cd "$(dirname "$0")/.." && pwd)
cache="$root/.cache/pythons"
mkdir -p "$cache"

# Prints "3.12" for a usable CPython with venv, nothing for anything else.
version_of() {
    "$1" -c '
import sys, sysconfig, venv, ensurepip
if sys.implementation.name == "cpython" and (3, 9) <= sys.version_info[:2] <= (3, 14) and not sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("%d.%d" % sys.version_info[:2])
' 2>/dev/null || true
}

# The requirement lines of one package, as the main environment has them.
pinned() {
    grep -E "^($1)==" "$root/python/requirements-test.txt"
}

seen=" $(version_of "$done_python") "
tested=''
for python in python3 python3.9 python3.10 python3.11 python3.12 python3.13 python3.14 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3; do
    command -v "$python" >/dev/null 2>&1 || continue
    version=$(version_of "$python")
    [ -n "$version" ] || continue
    case $seen in *" $version "*) continue ;; esac
    seen="$seen$version "

    venv="$cache/$version"
    requirements="$cache/requirements.txt"
    pinned 'pytest|pytest-timeout' >"$requirements"
    if "$python" "$root/scripts/make_venv.py" "$venv" "$requirements"; then
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheel"
        "$venv/bin/python" -m pytest -q -m smoke -p no:cacheprovider "$root/python/tests"
        tested="$tested $version"
    else
        echo "test-pythons: pytest cannot be installed for Python $version; the wheel is only imported there" >&2
        rm -rf "$venv"
        "$python" -m venv "$venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index "$wheel"
        "$venv/bin/python" -c 'import modelseal'
        tested="$tested $version(import)"
    fi
done
echo "test-pythons: the wheel also works on:${tested:- no other interpreter found}"
