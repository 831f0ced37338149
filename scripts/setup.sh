# Sets up all that the other scripts need. Not run by itself: they read it in, from the clone's root.
#
# - Python: the active virtual environment, else .venv in the clone (made if it is not there).
# - System libraries for Qt and OpenGL, and a screen in memory (Xvfb): Debian and Ubuntu only,
#   as root or with sudo that asks for nothing; else the command to install them is printed.
# - PyTorch: the one that is there; else the tested version.
# - This package with everything it can use, in the tested versions.
#
# Afterwards $python is the Python to use.

say() { printf '%s\n' "== $*" >&2; }
fail() { printf '%s\n' "error: $*" >&2; exit 1; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if command -v "$candidate" >/dev/null 2>&1 && new_enough "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
    done
}

set_up_python() {
    environment=${VIRTUAL_ENV:-$PWD/.venv}
    python=$environment/bin/python
    if [ ! -x "$python" ]; then
        base=$(find_python)
        [ -n "$base" ] || fail "no Python 3.11 or newer found; install it (Debian, Ubuntu: apt-get install python3 python3-venv)"
        say "making a virtual environment in $environment with $base"
        "$base" -m venv "$environment" >&2 || {
            rm -rf "$environment"
            fail "$base cannot make virtual environments; install its venv module (Debian, Ubuntu: apt-get install python3-venv)"
        }
    fi
    new_enough "$python" || fail "$python is older than Python 3.11; deactivate that environment, or make a newer one"
    "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >&2
}

# What Qt and OpenGL load when a window opens, and the Debian package each is in.
libraries="libEGL.so.1=libegl1 libGL.so.1=libgl1 libOpenGL.so.0=libopengl0 libglib-2.0.so.0=libglib2.0-0
libfontconfig.so.1=libfontconfig1 libdbus-1.so.3=libdbus-1-3 libxkbcommon-x11.so.0=libxkbcommon-x11-0
libxcb-cursor.so.0=libxcb-cursor0 libxcb-icccm.so.4=libxcb-icccm4 libxcb-image.so.0=libxcb-image0
libxcb-keysyms.so.1=libxcb-keysyms1 libxcb-randr.so.0=libxcb-randr0 libxcb-shape.so.0=libxcb-shape0
libxcb-render-util.so.0=libxcb-render-util0 libxcb-xinerama.so.0=libxcb-xinerama0
libxcb-xfixes.so.0=libxcb-xfixes0"

missing_packages() {
    known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null || true)
    for pair in $libraries; do
        case $known in *"${pair%%=*} "*) ;; *) printf '%s ' "${pair##*=}" ;; esac
    done
    ls /usr/lib/*/dri/*_dri.so >/dev/null 2>&1 || printf '%s ' libgl1-mesa-dri
    command -v Xvfb >/dev/null 2>&1 || printf '%s ' xvfb
    command -v xauth >/dev/null 2>&1 || printf '%s ' xauth
}

set_up_libraries() {
    [ "$(uname -s)" = Linux ] || return 0
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    install="apt-get install -y --no-install-recommends $missing"
    if ! command -v apt-get >/dev/null 2>&1; then
        say "windows may not open: look for your system's packages of what Debian calls $missing"
    elif [ "$(id -u)" = 0 ]; then
        say "installing system packages: $missing"
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive $install; } >&2 || say "that failed; windows may not open. Try: $install"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        say "installing system packages: $missing"
        { sudo apt-get update -q && sudo DEBIAN_FRONTEND=noninteractive $install; } >&2 || say "that failed; windows may not open. Try: sudo $install"
    else
        say "windows may not open until somebody who may do so runs: sudo apt-get update && sudo $install"
    fi
}

torch_version() { "$python" -c 'from importlib.metadata import version; print(version("torch"))' 2>/dev/null; }

set_up_packages() {
    pip="$python -m pip --disable-pip-version-check"
    $pip install --quiet 'pip>=25.1' >&2 || fail "pip could not be updated to 25.1; is there a network?"
    if [ -z "$(torch_version)" ]; then
        say "installing PyTorch (to choose the build for CPU or CUDA yourself, see pytorch.org/get-started)"
        $pip install --quiet -c constraints.txt torch >&2 || fail "PyTorch could not be installed; see pytorch.org/get-started, then run this again"
    fi
    say "installing napari-hyperspectral with PyTorch $(torch_version)"
    tested=$(mktemp)
    torch=$(torch_version)
    sed "s/^torch==.*/torch==$torch/" constraints.txt >"$tested"
    if ! grep -qx "torch==${torch%%+*}" constraints.txt; then # MONAI that goes with another PyTorch
        sed -i.all '/^monai==/d' "$tested"
    fi
    # shellcheck disable=SC2086  # several words on purpose
    $pip install --quiet -c "$tested" -e '.[all]' ${groups:-} >&2 || { rm -f "$tested" "$tested.all"; fail "the packages could not be installed"; }
    rm -f "$tested" "$tested.all"
}

# Some programs (pip, napari, matplotlib) keep settings in HOME and fail where they cannot.
if [ ! -d "${HOME:-}" ] || [ ! -w "${HOME:-}" ]; then
    HOME=$(mktemp -d)
    export HOME
fi
set_up_python
set_up_libraries
set_up_packages
