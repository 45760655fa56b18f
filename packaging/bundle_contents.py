"""What goes into the bundle and what stays out: read by `rareseg.spec`, and by the tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
#: One row of PyInstaller's tables: (name inside the bundle, source, kind).
Row = TypeVar("Row", bound=tuple[str, str, str])

#: Packages whose metadata is asked for at run time (`rareseg doctor`, the About box, lazy version look-ups).
METADATA = (
    "rareseg",
    "torch",
    "numpy",
    "scipy",
    "scikit-image",
    "nibabel",
    "SimpleITK",
    "PySide6_Essentials",
    "shiboken6",
    "pyqtgraph",
    "imageio",
)
#: Never imported by RareSeg, but within PyInstaller's sight through optional imports of others.
EXCLUDED = (
    "tkinter",
    "matplotlib",
    "IPython",
    "pandas",
    "tensorboard",
    "torch.utils.tensorboard",
    "pyqtgraph.opengl",
    "pyqtgraph.examples",
    "pytest",
    "hypothesis",
    "mypy",
    "setuptools",
    "pkg_resources",
    "pip",
    "cv2",
    "PyQt5",
    "PyQt6",
    "PySide2",
    "readline",  # GPL
    "_gdbm",  # GPL
    "_dbm",
    "_curses",
    "_curses_panel",
    "nis",
)
#: torch starts this program when tensors are shared between processes; without it the engine dies at once.
KEPT = "torch/bin/torch_shm_manager"
#: Paths inside the bundle that nothing in RareSeg opens.
PRUNED = (
    r"torch/test/",
    r"torch/bin/",
    r"torch/include/",
    r"torch/share/",
    r"torch/lib/.*\.(a|lib|cmake)$",
    r"(torch/lib/)?lib(\w+_test|jitbackend_test|torchbind_test|backend_with_compiler|aoti_custom_ops)\.so",
    r"libg[td]k-3\.so",
    r"PySide6/Qt/plugins/platformthemes/libqgtk3\.so",
    r"PySide6/Qt/plugins/platforms/libq(eglfs|linuxfb|vkkhrdisplay|minimal|minimalegl|vnc)\.so",
    r"PySide6/Qt/plugins/egldeviceintegrations/",
    r"PySide6/Qt/plugins/(qmltooling|qmllint|sqldrivers|networkinformation|tls)/",
    r"PySide6/Qt/qml/",
    r"PySide6/Qt/translations/",
    r"(setuptools|pkg_resources|pip)[/-]",
    r"(numpy|scipy|nibabel|skimage|networkx|sympy)/(.*/)?tests/",
)
#: The libraries of the build machine's system that Python itself needs: file name's beginning, project, licence.
#: All others stay out: an old libstdc++ or libglib in front of the target's own breaks its graphics drivers.
SYSTEM_LIBRARIES = (
    ("libpython3", "Python", "PSF-2.0"),
    ("libssl", "OpenSSL 3", "Apache-2.0"),
    ("libcrypto", "OpenSSL 3", "Apache-2.0"),
    ("libffi", "libffi", "MIT"),
    ("libsqlite3", "SQLite", "public domain"),
    ("libbz2", "bzip2", "bzip2-1.0.6"),
    ("liblzma", "XZ Utils' liblzma", "public domain"),
    ("libz", "zlib", "Zlib"),
    ("libuuid", "util-linux' libuuid", "BSD-3-Clause"),
)
#: Where a system keeps its libraries.
_SYSTEM_FOLDERS = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")
_PRUNED = re.compile("|".join(f"(?:{pattern})" for pattern in PRUNED))


def our_modules() -> list[str]:
    """Return every module of RareSeg.

    Workspaces, commands and the engine are imported by name, where PyInstaller cannot see them; taking all modules
    means that a new row in those tables needs no second place to be entered.
    """
    files = (path for package in ("app", "segcore") for path in sorted((ROOT / package).rglob("*.py")))
    dotted = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files)
    return [name.removesuffix(".__init__") for name in dotted]


def is_wanted(name: str) -> bool:
    """Whether the file called `name` inside the bundle stays in it."""
    path = name.replace("\\", "/")
    if path.removesuffix(".exe") == KEPT:
        return True
    return _PRUNED.match(path) is None


def is_from_the_target(source: str) -> bool:
    """Whether a collected library is one that the target system brings itself (see `control` in debian_package.py)."""
    path = Path(source)
    if not str(path).startswith(_SYSTEM_FOLDERS) or "site-packages" in path.parts or "lib-dynload" in path.parts:
        return False
    is_library = re.search(r"\.so(\.|$)", path.name) is not None
    return is_library and not path.name.startswith(tuple(start for start, _, _ in SYSTEM_LIBRARIES))


def wanted(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of a PyInstaller table that stay."""
    return [row for row in rows if is_wanted(row[0]) and not is_from_the_target(row[1])]


def scripts_of(rows: Iterable[Row], program: str) -> list[Row]:
    """Return the start scripts of one of the two programs: its own and PyInstaller's hooks, not the other program's."""
    others = {"rareseg_app", "rareseg_cli"} - {program}
    return [row for row in rows if row[0] not in others]
