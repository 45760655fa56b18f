from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from segcore.inference.preparation import Preparation
from segcore.projects.project import Project
from segcore.sampling.index import LesionIndex
from segcore.training import prepared
from segcore.training.prepared import load_prepared
from tests.segcore.small_project import make_small_project

PREPARATION = Preparation(channels=("image",), spacing=None, shrink=1)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with make_small_project(tmp_path / "p", cases=2, empty=()) as opened:
        yield opened


@pytest.fixture
def prepared_cases(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the cases that were really prepared, not read from the cache."""
    made: list[str] = []
    prepare = prepared._prepare

    def counted(project: Project, case_id: str, *rest: object) -> None:
        made.append(case_id)
        prepare(project, case_id, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(prepared, "_prepare", counted)
    return made


def test_a_case_is_prepared_once(project: Project, prepared_cases: list[str]) -> None:
    first = load_prepared(project, "case0", PREPARATION)
    second = load_prepared(project, "case0", PREPARATION)

    assert prepared_cases == ["case0"]
    np.testing.assert_array_equal(first.image, second.image)
    assert first.image.dtype == np.float16
    assert first.labels.shape == first.image.shape[1:]
    assert first.index.lesions >= 1


def test_a_corrected_mask_or_other_settings_prepare_it_anew(project: Project, prepared_cases: list[str]) -> None:
    load_prepared(project, "case0", PREPARATION)
    mask = project.mask("case0")
    mask.labels[0, 0, 0] = 1
    project.save_mask("case0", mask, author="x", origin="annotation")

    corrected = load_prepared(project, "case0", PREPARATION)
    shrunk = load_prepared(project, "case0", Preparation(channels=("image",), spacing=None, shrink=2))

    assert prepared_cases == ["case0"] * 3
    assert corrected.labels.sum() == project.mask("case0").labels.sum()
    assert shrunk.labels.shape[1] == 32


@pytest.mark.parametrize("suffix", [".image.npy", ".labels.npy", ".index.npy", ".json"])
@pytest.mark.parametrize("content", [b"", b"not this"])
def test_a_damaged_cache_is_made_anew(project: Project, prepared_cases: list[str], suffix: str, content: bytes) -> None:
    load_prepared(project, "case0", PREPARATION)
    (file,) = project.cache_folder.glob(f"case0-*{suffix}")
    file.write_bytes(content)

    case = load_prepared(project, "case0", PREPARATION)

    assert prepared_cases == ["case0"] * 2
    assert case.labels.sum() == project.mask("case0").labels.sum()


def test_old_preparations_of_a_case_are_forgotten(project: Project) -> None:
    load_prepared(project, "case1", PREPARATION)
    for shrink in range(2, 9):
        load_prepared(project, "case0", Preparation(channels=("image",), spacing=None, shrink=shrink))

    assert len(list(project.cache_folder.glob("case0-*.image.npy"))) == prepared._KEPT
    assert len(list(project.cache_folder.glob("case1-*.image.npy"))) == 1


def test_large_arrays_are_mapped_and_small_ones_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    small = load_prepared(project, "case0", PREPARATION)
    monkeypatch.setattr(prepared, "_SMALL_FILE", 10)
    large = load_prepared(project, "case0", PREPARATION)

    assert not isinstance(small.image, np.memmap)
    assert isinstance(large.image, np.memmap)
    np.testing.assert_array_equal(small.image, large.image)


def test_the_lesion_index_is_built_once_for_a_mask_and_mapped_where_it_is_large(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = load_prepared(project, "case0", PREPARATION).index
    monkeypatch.setattr(LesionIndex, "build", lambda *_: pytest.fail("built a second time"))
    monkeypatch.setattr(prepared, "_SMALL_FILE", 10)
    read = load_prepared(project, "case0", PREPARATION).index

    assert isinstance(read.flat, np.memmap)
    assert read.flat.dtype == np.int32
    np.testing.assert_array_equal(read.flat, built.flat)
    assert (read.shape, read.labelled, read.sizes.tolist()) == (built.shape, built.labelled, built.sizes.tolist())
