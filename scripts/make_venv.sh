#!/bin/sh
# Makes .venv with the project in it: `scripts/make_venv.sh` for use, `scripts/make_venv.sh dev` for work on it.
# A second call is quick; a half-made .venv (interrupted, or of a removed Python) is made anew.
set -eu
cd "$(dirname "$0")/.."
extra=${1:-}
python=.venv/bin/python
wanted=$(cat pyproject.toml constraints.txt | cksum)

works() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; }
can_make() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; }
is_ready() { [ -f ".venv/.ready-$1" ] && [ "$(cat ".venv/.ready-$1")" = "$wanted" ]; }

if [ ! -e .venv/.unfinished ] && works $python; then
    if is_ready dev || { [ -z "$extra" ] && is_ready use; }; then exit 0; fi
else
    rm -rf .venv
fi

if [ ! -e .venv ]; then
    found=
    # A name on the PATH may be a shim that does not run: each candidate is run, not only looked up.
    for candidate in python3.14 python3.13 python3.12 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python; do
        if can_make "$candidate"; then found=$candidate; break; fi
    done
    mkdir .venv
    : >.venv/.unfinished
    if [ -n "$found" ]; then
        echo "Making .venv with $("$found" --version) ($found)"
        "$found" -m venv .venv
    elif command -v uv >/dev/null 2>&1; then
        echo "Making .venv with uv"
        uv venv --quiet --allow-existing --python 3.13 .venv
    else
        rm -rf .venv
        cat >&2 <<'TEXT'
No Python 3.12 or newer was found on this machine. Install one and run the command again:
  Debian, Ubuntu   sudo apt install python3 python3-venv    (Debian 13, Ubuntu 24.04 or newer)
  Fedora           sudo dnf install python3.13
  macOS            brew install python@3.13                 or the installer from python.org
  anywhere         uv (docs.astral.sh/uv): it brings its own Python
TEXT
        exit 6
    fi
fi

: >.venv/.unfinished
echo "Installing the project and what it needs (some minutes the first time)"
target="."
[ "$extra" = dev ] && target=".[dev]"
if $python -m pip --version >/dev/null 2>&1; then
    $python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e "$target"
else
    uv pip install --quiet --python $python -c constraints.txt -e "$target"
fi
echo "$wanted" >".venv/.ready-${extra:-use}"
rm .venv/.unfinished
