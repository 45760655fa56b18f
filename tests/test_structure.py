"""The habits that a reader relies on, held over the whole tree."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for top in ("segcore", "app") for path in (ROOT / top).rglob("*.py"))
LINES_PER_MODULE = 400
LINES_PER_FUNCTION = 50
VAGUE_NAMES = re.compile(
    r"(manager|handler|helper|utils|data2)|(^|_)base(_|$)", re.IGNORECASE
)  # a baseline is not vague


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def test_no_module_is_longer_than_one_idea() -> None:
    too_long = {relative(p): n for p in SOURCES if (n := len(p.read_text("utf-8").splitlines())) > LINES_PER_MODULE}
    assert too_long == {}


def test_no_function_is_longer_than_a_screen() -> None:
    too_long = {
        f"{relative(path)}:{node.name}": code_lines(node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and code_lines(node) > LINES_PER_FUNCTION
    }
    assert too_long == {}


def test_no_module_has_a_vague_name() -> None:
    assert [relative(p) for p in SOURCES if VAGUE_NAMES.search(p.stem)] == []


def test_only_one_module_opens_message_boxes() -> None:
    users = {relative(p) for p in SOURCES if "QMessageBox" in p.read_text("utf-8")}
    assert users <= {"app/errors.py"}


def test_threads_exist_only_in_app_background() -> None:
    pattern = re.compile(r"\b(QThread|QRunnable|QThreadPool|threading\.Thread)\b")
    users = {relative(p) for p in SOURCES if relative(p).startswith("app/") and pattern.search(p.read_text("utf-8"))}
    assert users <= {"app/background.py"}


def test_every_configuration_dataclass_is_frozen_with_slots() -> None:
    loose = []
    for name in ("segcore/training/recipe.py", "segcore/training/events.py", "segcore/engine/messages.py"):
        for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            marks = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
            if "dataclass" in marks and not ("frozen=True" in marks and "slots=True" in marks):
                loose.append(f"{name}:{node.name}")
    assert loose == []


def test_nothing_unpickles() -> None:
    pattern = re.compile(r"\bpickle\.|torch\.load\(|allow_pickle=True|joblib")
    assert [relative(p) for p in SOURCES if pattern.search(p.read_text("utf-8"))] == []


def test_no_scan_is_read_through_float64_copies() -> None:
    assert [relative(p) for p in SOURCES if "get_fdata(" in p.read_text("utf-8")] == []


@pytest.mark.parametrize("module", ["app.main", "segcore.engine.client", "segcore.cli.main"])
def test_importing_what_starts_fast_brings_no_torch(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'torch', 'scipy', 'skimage', 'nibabel'}} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert answer.stdout.strip() == "[]"
