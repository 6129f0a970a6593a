#!/bin/sh
# Makes .venv, or brings it up to date, from a hashed lock: sh deploy/environment.sh LOCK
#
# Needs Python 3.11 or newer and a package index that pip knows; no root, no compiler. uv, itself installed by hash,
# does the work in seconds; where it cannot (no wheel for the platform, an index it does not understand), pip does.
# The project is not installed: a .pth file and a small script make it importable and runnable where it lies.
set -eu

lock=$1
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
venv=.venv
python=$venv/bin/python

say() { printf '%s\n' "$*" >&2; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

choose_python() {
    for candidate in ${PY:-} python3 python3.13 python3.12 python3.11; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    say "No Python 3.11 or newer was found (tried ${PY:-}${PY:+, }python3, python3.13, python3.12, python3.11)."
    say "Install one, or say which: make PY=/path/to/python3.12"
    return 1
}

make_venv() {
    base=$(choose_python)
    say "making $venv with $("$base" --version)"
    if "$base" -m venv --clear $venv >/dev/null 2>&1; then
        return
    fi
    # Debian without the package python3-venv has no ensurepip: pip is then lent by the system.
    "$base" -m venv --without-pip --clear $venv
    if ! "$base" -m pip --version >/dev/null 2>&1; then
        say "This Python has neither ensurepip nor pip. On Debian and Ubuntu: apt install python3-venv"
        rm -rf $venv
        return 1
    fi
    "$base" -c 'import sys; print(sys.executable)' >$venv/lender
}

pip_install() {
    if [ -f $venv/lender ]; then
        "$(cat $venv/lender)" -m pip --python $python install --require-hashes "$@"
    else
        $python -m pip install --require-hashes "$@"
    fi
}

# uv does not read pip's configuration: tell it what pip knows of indexes.
indexes_for_uv() {
    borrowed=$python
    [ ! -f $venv/lender ] || borrowed=$(cat $venv/lender)
    "$borrowed" -m pip config list 2>/dev/null | $python -c '
import ast, re, shlex, sys
said = {}
for line in sys.stdin:
    match = re.match(r"[^.]*\.(?:install\.)?([a-z_-]+)=(.*)", line)
    if match:
        said[match[1].replace("_", "-")] = " ".join(str(ast.literal_eval(match[2])).split())
for name, variable in (
    ("index-url", "UV_DEFAULT_INDEX"),
    ("extra-index-url", "UV_INDEX"),
    ("find-links", "UV_FIND_LINKS"),
    ("cert", "SSL_CERT_FILE"),
):
    if said.get(name):
        value = said[name].replace(" ", ",") if name == "find-links" else said[name]
        print(f"export {variable}={shlex.quote(value)}")
'
}

uv_install() {
    if [ ! -x $venv/bin/uv ]; then
        pip_install --quiet --only-binary :all: -r requirements-uv.lock >/dev/null 2>&1 || return 1
    fi
    eval "$(indexes_for_uv)"
    UV_PYTHON_DOWNLOADS=never UV_INDEX_STRATEGY=unsafe-best-match UV_NO_CONFIG=1 \
        $venv/bin/uv pip install --quiet --python $python --require-hashes -r "$1"
}

# Expressions in mapping documents need a package that is not built for musl: there the hub runs without them.
suited() {
    case $($python -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"))') in
        *musl*) awk '/^[^ ]/ { skip = /^cel-expr-python==/ } !skip' "$1" >$venv/suited.lock && echo $venv/suited.lock ;;
        *) echo "$1" ;;
    esac
}

make_importable() {
    site=$($python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$top" >"$site/martech-hub.pth"
    # -P: a folder named hub where the command is run does not hide the program.
    printf '#!/bin/sh\nexec "%s/%s" -P -m hub.cli "$@"\n' "$top" "$python" >$venv/bin/hub
    chmod +x $venv/bin/hub
}

if ! { [ -x $python ] && new_enough $python; }; then
    make_venv
fi
say "installing $lock into $venv"
lock=$(suited "$lock")
if ! (uv_install "$lock") 2>$venv/uv.log; then
    say "uv could not (see $venv/uv.log); pip goes on, which takes about a minute"
    pip_install --quiet -r "$lock"
fi
make_importable
