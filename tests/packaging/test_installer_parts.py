"""What can be tested of the installer without building it; `packaging/check_deb.sh` tries the real one."""

import subprocess
import sys
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "packaging"))

import bundle_contents  # noqa: E402
import debian_package  # noqa: E402
import third_party  # noqa: E402


class Distribution:
    """Stands for an installed package that says this about itself."""

    def __init__(self, **fields: str) -> None:
        self.metadata = Message()
        for name, value in {"Name": "thing", "Version": "1.0", **fields}.items():
            self.metadata[name.replace("_", "-")] = value


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ({"License_Expression": "BSD-3-Clause AND MIT"}, "BSD-3-Clause AND MIT"),
        ({"License_Expression": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only"}, "LGPL-3.0-only"),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT"),
        ({"License": "Apache-2.0"}, "Apache-2.0"),
    ],
)
def test_licences_that_may_be_in_the_bundle_are_understood(said: dict[str, str], licence: str) -> None:
    assert third_party.licence_of(Distribution(**said)) == licence  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said",
    [
        {"License_Expression": "GPL-3.0-or-later"},
        {"License_Expression": "MIT AND AGPL-3.0-only"},
        {"License": "a licence of our own"},
        {},
    ],
)
def test_a_package_under_the_gpl_or_under_nobody_knows_what_stops_the_build(said: dict[str, str]) -> None:
    with pytest.raises(third_party.LicenceProblem, match="thing"):
        third_party.licence_of(Distribution(**said))  # type: ignore[arg-type]


def test_a_library_of_the_build_machine_that_nobody_listed_stops_the_build() -> None:
    assert third_party.system_library(Path("/usr/lib/libffi.so.8")) == ("libffi", "MIT")
    with pytest.raises(third_party.LicenceProblem, match=r"libreadline\.so\.8"):
        third_party.system_library(Path("/usr/lib/libreadline.so.8"))


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        ("torch/bin/torch_shm_manager", True),  # without it the engine dies at once
        ("torch/bin/protoc", False),
        ("torch/lib/libtorch_cpu.so", True),
        ("torch/test/test_jit.so", False),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/Qt/plugins/platforms/libqoffscreen.so", True),
        ("PySide6/Qt/plugins/platforms/libqvnc.so", False),
        ("PySide6/Qt/translations/qt_de.qm", False),
        ("numpy/core/tests/data.py", False),
        ("resources/help/guide.md", True),
        ("torch\\bin\\torch_shm_manager.exe", True),
    ],
)
def test_the_bundle_is_pruned_of_what_nothing_opens(name: str, stays: bool) -> None:
    assert bundle_contents.is_wanted(name) is stays


def test_system_libraries_come_from_the_target_and_pythons_own_from_the_bundle() -> None:
    assert bundle_contents.is_from_the_target("/usr/lib/x86_64-linux-gnu/libstdc++.so.6")
    assert not bundle_contents.is_from_the_target("/usr/lib/x86_64-linux-gnu/libffi.so.8")
    assert not bundle_contents.is_from_the_target("/venv/lib/python3.11/site-packages/torch/lib/libc10.so")


def test_every_module_of_the_program_is_named_and_the_two_programs_keep_apart() -> None:
    modules = bundle_contents.our_modules()
    assert {"app.main", "segcore.engine.worker", "segcore.cli.trial", "app.trials.panel"} <= set(modules)
    rows = [("rareseg_app", "a", "PYSOURCE"), ("rareseg_cli", "b", "PYSOURCE"), ("pyi_rth_hook", "c", "PYSOURCE")]
    assert [row[0] for row in bundle_contents.scripts_of(rows, "rareseg_cli")] == ["rareseg_cli", "pyi_rth_hook"]


def test_the_control_file_names_size_dependencies_and_the_oldest_c_library() -> None:
    text = debian_package.control(version="1.2.3", installed_kib=12345, glibc="2.36")
    fields = dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith(" "))
    assert (fields["Version"], fields["Installed-Size"], fields["Section"]) == ("1.2.3", "12345", "science")
    assert "libc6 (>= 2.36)" in fields["Depends"]
    assert "{" not in text
    assert text.endswith("\n")
    assert all(line == " ." or line.startswith(" ") for line in text.splitlines() if not line[0].isupper())


def test_the_tree_holds_programs_menu_entry_and_file_types_where_the_system_looks(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "rareseg").write_text("program")
    tree = tmp_path / "tree"
    debian_package.stage(bundle, tree, version="1.2.3", date="2026-01-02")
    assert (tree / "usr/bin/rareseg").readlink() == Path("../lib/rareseg/rareseg")
    assert "Exec=rareseg-app %F" in (tree / "usr/share/applications/rareseg.desktop").read_text("utf-8")
    assert "*.nii.gz" in (tree / "usr/share/mime/packages/rareseg.xml").read_text("utf-8")
    metainfo = (tree / "usr/share/metainfo/io.github.rareseg.RareSeg.metainfo.xml").read_text("utf-8")
    assert '<release version="1.2.3" date="2026-01-02"/>' in metainfo
    assert not (tree / "opt").exists()


def test_the_check_of_the_installer_is_a_valid_script() -> None:
    subprocess.run(["sh", "-n", str(ROOT / "packaging" / "check_deb.sh")], check=True)
