"""The Debian package as a tree of files: programs, menu entry, icon, file types, metadata, control file."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

from bundle_contents import ROOT

LINUX = Path(__file__).resolve().parent / "linux"
#: Where the bundle lies on the target. Not below /opt: removing the package would remove an empty /opt with it.
HOME = "usr/lib/rareseg"
PROGRAMS = ("rareseg", "rareseg-app")
#: What Qt opens on the target's side. The t64 name is Debian 13's and Ubuntu 24.04's.
DEPENDS = (
    "libc6 (>= {glibc})",
    "libstdc++6",
    "libgcc-s1",
    "libglib2.0-0 | libglib2.0-0t64",
    "libgssapi-krb5-2",
    "libegl1",
    "libgl1",
    "libdbus-1-3",
    "libfontconfig1",
    "libfreetype6",
    "libx11-6",
    "libx11-xcb1",
    "libxkbcommon0",
    "libxkbcommon-x11-0",
    "libxcb1",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-render0",
    "libxcb-render-util0",
    "libxcb-shape0",
    "libxcb-shm0",
    "libxcb-sync1",
    "libxcb-util1",
    "libxcb-xfixes0",
    "libxcb-xkb1",
    "libwayland-client0",
    "libwayland-cursor0",
    "libwayland-egl1",
)
_DESCRIPTION = """find the rare thing in scans
 Annotate scans, train a segmentation of a rare structure (lesions that fill 0.001 % to 5 % of the voxels) with losses
 and sampling made for imbalance, review what the model found, and export masks and models.
 .
 For research use only. Not a medical device. Not for diagnosis."""


def control(*, version: str, installed_kib: int, glibc: str, architecture: str = "amd64") -> str:
    """Return the control file.

    Parameters
    ----------
    installed_kib
        Size on the target's disk.
    glibc
        The oldest C library that the programs run with.
    """
    fields = {
        "Package": "rareseg",
        "Version": version,
        "Architecture": architecture,
        "Maintainer": "The RareSeg authors <rareseg@users.noreply.github.com>",
        "Installed-Size": str(installed_kib),
        "Depends": ", ".join(DEPENDS).format(glibc=glibc),
        "Section": "science",
        "Priority": "optional",
        "Description": _DESCRIPTION,
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def stage(bundle: Path, tree: Path, *, version: str, date: str) -> None:
    """Lay out everything but the control file below `tree`; the bundle's files are hard links where possible.

    Parameters
    ----------
    date
        Day of the release, ``YYYY-MM-DD``.
    """
    shutil.copytree(bundle, tree / HOME, symlinks=True, copy_function=_link_or_copy)
    share = tree / "usr/share"
    _place(LINUX / "rareseg.desktop", share / "applications/rareseg.desktop")
    _place(LINUX / "rareseg-mime.xml", share / "mime/packages/rareseg.xml")
    _place(ROOT / "resources/icons/rareseg.svg", share / "icons/hicolor/scalable/apps/rareseg.svg")
    _place(LINUX / "copyright", share / "doc/rareseg/copyright")
    metainfo = (LINUX / "rareseg.metainfo.xml").read_text("utf-8")
    _write(
        share / "metainfo/io.github.rareseg.RareSeg.metainfo.xml",
        metainfo.replace("@VERSION@", version).replace("@DATE@", date).encode(),
    )
    changes = (ROOT / "CHANGELOG.md").read_bytes()
    _write(share / "doc/rareseg/changelog.gz", gzip.compress(changes, 9, mtime=0))
    (tree / "usr/bin").mkdir(parents=True)
    for program in PROGRAMS:
        (tree / "usr/bin" / program).symlink_to(f"../lib/rareseg/{program}")


def build_deb(tree: Path, target: Path, *, version: str, glibc: str) -> None:
    """Pack `tree` as a Debian package."""
    installed = sum(file.lstat().st_size for file in tree.rglob("*") if not file.is_dir())
    _write(tree / "DEBIAN/control", control(version=version, installed_kib=-(-installed // 1024), glibc=glibc).encode())
    target.parent.mkdir(parents=True, exist_ok=True)
    command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z9", "--build", str(tree), str(target)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _place(source: Path, target: Path) -> None:
    _write(target, source.read_bytes())


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(0o644)
