"""Make the installers for this Linux: dist/rareseg_VERSION_amd64.deb and dist/rareseg-VERSION-linux-x86_64.tar.gz.

    python packaging/make_deb.py [--build FOLDER] [--out FOLDER] [--bundle FOLDER]

Needs PyInstaller (packaging/requirements.lock) and dpkg-deb. What it makes runs on systems whose C library is at least
as new as this one's: build on the oldest system that is to be served.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import platform
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bundle_contents import ROOT
from debian_package import build_deb, stage
from third_party import LicenceProblem, write_third_party

T = TypeVar("T")


def main() -> int:
    """Make both; returns the exit code."""
    asked = _parse()
    version = project_version()
    try:
        bundle = asked.bundle or _timed("bundle", lambda: build_bundle(asked.build))
        parts = write_licences(bundle, asked.build / "rareseg" / "sources.txt")
    except LicenceProblem as problem:
        print(f"installer: {problem}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failure:
        print(f"installer: PyInstaller failed with code {failure.returncode}; see above.", file=sys.stderr)
        return 1
    _strip_python(bundle)
    tree = asked.build / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    stage(bundle, tree, version=version, date=_date())
    deb = asked.out / f"rareseg_{version}_amd64.deb"
    archive = asked.out / f"rareseg-{version}-linux-x86_64.tar.gz"
    asked.out.mkdir(parents=True, exist_ok=True)
    _timed(".deb", lambda: build_deb(tree, deb, version=version, glibc=platform.libc_ver()[1]))
    _timed(".tar.gz", lambda: pack_archive(bundle, archive, f"rareseg-{version}"))
    files = [path for path in bundle.rglob("*") if path.is_file() and not path.is_symlink()]
    print(f"bundle    {_mb(sum(path.stat().st_size for path in files))} in {len(files)} files, {parts} packages")
    for made in (deb, archive):
        print(f"{made.suffix.lstrip('.'):<10}{_mb(made.stat().st_size)}  {made}")
    return 0


def project_version() -> str:
    """Return the version that pyproject.toml states."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def build_bundle(build: Path) -> Path:
    """Run PyInstaller; return the bundle's folder."""
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", str(build / "bundle"), "--workpath", str(build)]
    command.append(str(ROOT / "packaging" / "rareseg.spec"))
    subprocess.run(command, check=True, cwd=ROOT)
    return build / "bundle" / "rareseg"


def write_licences(bundle: Path, sources: Path) -> int:
    """Put THIRD-PARTY.txt into the bundle; return the number of packages in it."""
    collected = [Path(line) for line in sources.read_text("utf-8").splitlines()]
    target = bundle / "_internal" / "resources" / "licences" / "THIRD-PARTY.txt"
    return len(write_third_party(collected, list(importlib.metadata.distributions()), target))


def pack_archive(bundle: Path, target: Path, top: str) -> None:
    """Pack the bundle so that it runs from any folder, without rights and without installing."""

    def owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        return entry

    with tarfile.open(target, "w:gz", compresslevel=6) as archive:
        archive.add(bundle, arcname=top, filter=owned_by_root)


def _strip_python(bundle: Path) -> None:
    """Take the symbols out of libpython, which distributions strip and builders of Python do not."""
    for library in (bundle / "_internal").glob("libpython3*.so*"):
        if not library.is_symlink() and shutil.which("strip"):
            subprocess.run(["strip", "--strip-unneeded", str(library)], check=True)


def _timed(what: str, doing: Callable[[], T]) -> T:
    began = time.monotonic()
    print(f"installer: making the {what}", file=sys.stderr)
    made = doing()
    print(f"installer: the {what} took {time.monotonic() - began:.0f} s", file=sys.stderr)
    return made


def _date() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--build", type=Path, default=ROOT / "build" / "installer", help="folder for intermediate files"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the installers")
    parser.add_argument("--bundle", type=Path, help="take this bundle instead of running PyInstaller")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
