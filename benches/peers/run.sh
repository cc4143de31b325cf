#!/bin/sh
# The bare group-by of DuckDB and of Python polars, beside a whole `tactful run` if asked for.
#   run.sh [VENV] [-- options of group_by.py]       VENV: where the peers are installed (else a temporary directory)
# Example: run.sh ~/.cache/tactful-peers -- --tactful target/release/tactful --repeats 9
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=
if [ $# -gt 0 ] && [ "$1" != "--" ]; then
    venv=$1
    shift
fi
if [ "${1:-}" = "--" ]; then shift; fi
if [ -z "$venv" ]; then
    venv=$(mktemp -d)
    trap 'rm -rf "$venv"' EXIT
fi
if [ ! -x "$venv/bin/python" ]; then python3 -m venv "$venv"; fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
"$venv/bin/python" "$here/group_by.py" "$@"
