#!/bin/sh
# Try the installer as a stranger would: a bare Debian 12 without Python, the package, nothing else.
#
#     sudo packaging/check_deb.sh dist/rareseg_VERSION_amd64.deb [FOLDER FOR PICTURES AND FIGURES]
#
# Installs the package into a chroot made by debootstrap (kept in ~/.cache/rareseg for the next time), starts the window
# there under Xvfb, takes its picture, times cold and warm starts, asks an engine for its devices, trains the demo for a
# minute, removes the package and looks for leftovers. Needs root, debootstrap, Xvfb, xdotool and ImageMagick's import.
set -eu
deb=$(realpath "$1")
out=${2:-$(dirname "$deb")/check}
suite=bookworm
cache=${RARESEG_CHROOT_CACHE:-$HOME/.cache/rareseg}
display=:97
mkdir -p "$out" "$cache"
out=$(realpath "$out")

say() { printf '%s\n' "check: $*" >&2; }
fail() { say "FAILED: $*"; exit 1; }
for tool in debootstrap Xvfb xdotool import chroot; do
    command -v "$tool" >/dev/null 2>&1 || fail "$tool is needed (Debian: apt-get install debootstrap xvfb xdotool imagemagick)"
done
[ "$(id -u)" = 0 ] || fail "a chroot needs root: run this with sudo"

if [ ! -e "$cache/$suite/.complete" ]; then
    say "making a bare $suite"
    rm -rf "$cache/$suite"
    debootstrap --variant=minbase "$suite" "$cache/$suite" "${RARESEG_MIRROR:-http://deb.debian.org/debian}" >"$out/debootstrap.log" 2>&1 ||
        fail "debootstrap; see $out/debootstrap.log"
    touch "$cache/$suite/.complete"
fi
root=$(mktemp -d "$cache/try-XXXXXX")
server=""
clean() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    for mounted in proc dev/shm tmp/.X11-unix; do umount -l "$root/$mounted" 2>/dev/null || true; done
    mountpoint -q "$root/proc" 2>/dev/null || rm -rf --one-file-system "$root"
}
trap clean EXIT INT TERM
cp -a "$cache/$suite/." "$root"
mount -t proc proc "$root/proc"
mkdir -p "$root/dev/shm" "$root/tmp/.X11-unix"
mount -t tmpfs tmpfs "$root/dev/shm"
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true

say "installing"
chroot "$root" apt-get update -qq >"$out/apt.log" 2>&1
cp "$deb" "$root/root/rareseg.deb"
chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends /root/rareseg.deb >>"$out/apt.log" 2>&1 ||
    fail "apt-get install; see $out/apt.log"
rm "$root/root/rareseg.deb"
chroot "$root" sh -c 'command -v python3' >/dev/null 2>&1 && fail "the bare system has a Python: this would prove nothing"
chroot "$root" useradd -m -u 4242 person

# Programs run as an ordinary person with an ordinary environment.
as_person() { chroot --userspec=4242:4242 "$root" env -i HOME=/home/person PATH=/usr/bin:/bin LANG=C.UTF-8 DISPLAY="$display" "$@"; }

say "libraries"
missing=$(as_person sh -c 'find /usr/lib/rareseg -name "*.so*" -type f \( -path "*PySide6*" -o -path "*shiboken6*" \) -exec ldd {} \;' 2>/dev/null |
    grep "not found" | sort -u || true)
[ -z "$missing" ] || say "not found (a plugin that is not used may be among them): $missing"

Xvfb "$display" -noreset -screen 0 1920x1080x24 >/dev/null 2>&1 &
server=$!
sleep 2
mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix" 2>/dev/null || true

start_window() { # arguments of rareseg-app; prints seconds until the window is on the screen; leaves it running
    began=$(date +%s.%N)
    # All of the subshell's output away, or the caller would wait for the window to close.
    (exec >"$out/window.log" 2>&1; as_person rareseg-app "$@") &
    waited=0
    until DISPLAY=$display xdotool search --onlyvisible --class rareseg >/dev/null 2>&1; do
        waited=$((waited + 1))
        [ "$waited" -lt 1200 ] || return 1
        sleep 0.05
    done
    printf '%s %s' "$began" "$(date +%s.%N)" | awk '{ printf "%.1f", $2 - $1 }'
}
stop_window() { pkill -u 4242 -f rareseg-app 2>/dev/null || true; sleep 2; }

sync; echo 3 >/proc/sys/vm/drop_caches 2>/dev/null || say "cold start: the file cache could not be emptied"
cold=$(start_window) || fail "no window came up; see $out/window.log"
say "first window, cold: $cold s"
stop_window
warm=""
for _ in 1 2 3; do
    once=$(start_window) || fail "no window came up the second time; see $out/window.log"
    warm="$warm $once"
    stop_window
done
say "first window, warm: $warm s"

say "an engine of the bundle"
printf '{"type":"ProbeJob"}\n' | as_person rareseg-app --engine >"$out/engine.log" 2>&1 || true
grep -q '"EngineReady"' "$out/engine.log" || fail "the engine did not say that it is ready; see $out/engine.log"

say "demo, one minute"
as_person rareseg demo --minutes 1 --project /home/person/try --json >"$out/demo.json" 2>"$out/demo.log" || fail "rareseg demo; see $out/demo.log"
dice=$(grep -o '"test": *{ *"dice": *[0-9.]*' "$out/demo.json" | grep -o '[0-9.]*$')
[ -n "$dice" ] || fail "rareseg demo measured no test case; see $out/demo.json"

start_window --project /home/person/try >/dev/null || fail "no window came up with a project; see $out/window.log"
sleep 8
DISPLAY=$display import -window root "$out/installed.png"
stop_window

say "removing"
chroot "$root" apt-get remove -y -qq rareseg >>"$out/apt.log" 2>&1 || fail "apt-get remove; see $out/apt.log"
left=$(find "$root/usr" "$root/etc" "$root/opt" -iname '*rareseg*' 2>/dev/null || true)
[ -z "$left" ] || fail "left behind: $left"

{
    printf 'package   %s MB\n' "$(($(stat -c %s "$deb") / 1000000))"
    printf 'cold      %s s to the first window\n' "$cold"
    printf 'warm     %s s\n' "$warm"
    printf 'demo      mean test Dice %s after a minute\n' "$dice"
} | tee "$out/figures.txt"
