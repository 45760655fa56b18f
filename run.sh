#!/bin/sh
# Everything starts here: ./run.sh [app|test|check|test-all|bench|faults|shots|installer|setup|cli ARGS...]
# On a bare machine the first call sets everything up (Python environment, packages, the few system libraries Qt needs).
set -eu
cd "$(dirname "$0")"
root=$(pwd)
task=${1:-app}
[ $# -gt 0 ] && shift
venv=${RARESEG_VENV:-$root/.venv}
export LANG="${LANG:-C.UTF-8}"
export PYTHONUTF8=1

say() { printf '%s\n' "rareseg: $*" >&2; }
fail() { say "$*"; exit 3; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo "$@"
    else return 1; fi
}

apt_install() { # package ...; fails where there is no apt or no right to use it
    command -v apt-get >/dev/null 2>&1 || return 1
    say "installing system packages: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && return 0
    as_root apt-get update -qq >/dev/null 2>&1 || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

find_python() {
    for name in ${RARESEG_PYTHON:-} python3.11 python3.12 python3.13 python3; do
        command -v "$name" >/dev/null 2>&1 || continue
        "$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue
        printf '%s' "$name"
        return 0
    done
    return 1
}

need_python() {
    python=$(find_python) && return 0
    apt_install python3 python3-venv || fail "Python 3.11, 3.12 or 3.13 with venv is needed; install it (Debian: apt-get install python3 python3-venv) and run this again."
    python=$(find_python) || fail "this system's Python is not 3.11 to 3.13; install one of these and set RARESEG_PYTHON to its path."
}

# Shared objects that Qt opens, each with the Debian package that brings it.
qt_libraries="libglib-2.0.so.0=libglib2.0-0 libEGL.so.1=libegl1 libGL.so.1=libgl1 libdbus-1.so.3=libdbus-1-3
libfontconfig.so.1=libfontconfig1 libxkbcommon.so.0=libxkbcommon0 libxkbcommon-x11.so.0=libxkbcommon-x11-0
libxcb-cursor.so.0=libxcb-cursor0 libxcb-icccm.so.4=libxcb-icccm4 libxcb-keysyms.so.1=libxcb-keysyms1
libxcb-shape.so.0=libxcb-shape0 libwayland-client.so.0=libwayland-client0 libwayland-cursor.so.0=libwayland-cursor0"

need_qt_libraries() {
    [ "$(uname -s)" = Linux ] || return 0
    known=$( (ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null) || true)
    missing=""
    for pair in $qt_libraries; do
        case "$known" in *"${pair%%=*}"*) ;; *) missing="$missing ${pair#*=}" ;; esac
    done
    [ -z "$missing" ] && return 0
    # shellcheck disable=SC2086
    apt_install $missing || fail "Qt needs system libraries that are missing. Install them and run this again: sudo apt-get install$missing"
}

install_torch() {
    wanted=$(grep '^torch==' requirements.lock)
    # A wheel already on this machine is taken first; then, where no NVIDIA driver is seen, PyTorch's CPU build:
    # the default one for Linux brings several gigabytes of CUDA.
    "$venv/bin/python" -m pip install -q --no-index --no-deps "$wanted" 2>/dev/null && return 0
    if [ "$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null 2>&1; then
        "$venv/bin/python" -m pip install -q --no-deps --index-url "${RARESEG_TORCH_INDEX:-https://download.pytorch.org/whl/cpu}" "$wanted" && return 0
        say "PyTorch's CPU build could not be fetched; taking the default one."
    fi
    "$venv/bin/python" -m pip install -q "$wanted"
}

setup() {
    need_python
    need_qt_libraries
    stamp="$venv/.rareseg-$( (cat requirements.lock pyproject.toml; printf '%s' "$root") | cksum | tr ' ' '-')"
    [ -e "$stamp" ] && return 0
    say "setting up $venv (once; one to three minutes)"
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    install_torch || fail "PyTorch could not be installed; check the network and run this again."
    "$venv/bin/python" -m pip install -q -r requirements.lock || fail "a package could not be installed; see the lines above, then run this again."
    "$venv/bin/python" -m pip install -q --no-deps --no-build-isolation -e . || fail "RareSeg could not be installed into $venv."
    rm -f "$venv"/.rareseg-*
    : > "$stamp"
}

have_display() {
    [ "$(uname -s)" = Darwin ] || [ -n "${DISPLAY:-}" ] || [ -n "${WAYLAND_DISPLAY:-}" ]
}

app() {
    if have_display; then exec "$venv/bin/python" -m app.main "$@"; fi
    folder=${RARESEG_SCREENSHOTS:-$root/screenshots}
    say "no display was found, so no window can be opened here."
    say "running the demo without a window instead (about two minutes), then taking a picture of every workspace."
    "$venv/bin/rareseg" demo --minutes "${RARESEG_DEMO_MINUTES:-1}" --project "$folder/demo-project"
    QT_QPA_PLATFORM=offscreen "$venv/bin/python" -m app.main --project "$folder/demo-project" --screenshots "$folder"
    say "the pictures are in $folder"
}

quick() { QT_QPA_PLATFORM=offscreen OMP_WAIT_POLICY=PASSIVE "$venv/bin/python" -m pytest "$@"; }

installer() {
    command -v dpkg-deb >/dev/null 2>&1 || fail "the installer is a Debian package: dpkg-deb is needed, which Debian and Ubuntu have."
    command -v objdump >/dev/null 2>&1 || apt_install binutils || fail "binutils is needed: sudo apt-get install binutils"
    "$venv/bin/python" -m pip install -q -r packaging/requirements.lock
    "$venv/bin/python" packaging/make_deb.py --build build/installer --out dist "$@"
    say "try it in a bare system: sudo packaging/check_deb.sh dist/rareseg_*_amd64.deb"
}

check() {
    "$venv/bin/ruff" format --check .
    "$venv/bin/ruff" check .
    "$venv/bin/lint-imports" --no-cache >/dev/null || "$venv/bin/lint-imports" --no-cache
    "$venv/bin/mypy"
}

case "$task" in
    setup) setup ;;
    app) setup; app "$@" ;;
    cli) setup; exec "$venv/bin/rareseg" "$@" ;;
    test) setup; quick -m "not slow" "$@" ;;
    check) setup; check ;;
    test-all) setup; check; quick "$@" ;;
    bench) setup; exec "$venv/bin/python" -m tests.benchmarks "$@" ;;
    faults) setup; quick tests/faults "$@" ;;
    shots) setup; QT_QPA_PLATFORM=offscreen "$venv/bin/python" docs/make_screenshots.py "$@" ;;
    installer) setup; installer "$@" ;;
    *) fail "unknown task '$task'; use one of: app test check test-all bench faults shots installer setup cli" ;;
esac
