#!/bin/sh
# Make the environment in .venv: with uv where it is found, else with Python's own venv and pip.
# Looks first whether the system has what is needed, and names the package to install where it has not.
set -eu

say() { printf '%s\n' "$*" >&2; }

# The command that installs a package on this system. $1 Debian's name, $2 Fedora's.
install_with() {
    if command -v apt-get >/dev/null 2>&1; then
        printf 'sudo apt-get install %s' "$1"
    elif command -v dnf >/dev/null 2>&1; then
        printf 'sudo dnf install %s' "$2"
    else
        printf 'install %s (Debian, Ubuntu) or %s (Fedora)' "$1" "$2"
    fi
}

# The newest Python >= 3.11 by its usual names.
find_python() {
    for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        [ -n "$name" ] || continue
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

has_libgomp() {
    [ "$(uname -s)" = Linux ] || return 0
    "$1" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' >/dev/null 2>&1
}

python=$(find_python) || {
    say "Athanor needs Python 3.11 or newer, and none was found."
    say "  -> $(install_with 'python3 python3-venv' python3), or set PYTHON to one."
    exit 1
}
has_libgomp "$python" || {
    say "LightGBM needs libgomp (OpenMP), and it was not found."
    say "  -> $(install_with libgomp1 libgomp)"
    exit 1
}

if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then
    say "Making .venv with uv and $python"
    [ -x .venv/bin/python ] || uv venv --quiet --python "$python" .venv
    VIRTUAL_ENV="$PWD/.venv" uv pip install --quiet --constraint constraints.txt --editable '.[catboost,dev]'
else
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 || {
        say "Python's venv module is not complete."
        say "  -> $(install_with python3-venv python3)"
        exit 1
    }
    say "Making .venv with $python and pip (a minute or two)"
    [ -x .venv/bin/pip ] || "$python" -m venv --clear .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[catboost,dev]'
fi
