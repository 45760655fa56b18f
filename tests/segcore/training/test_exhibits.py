from pathlib import Path

import numpy as np
import pytest

from segcore.errors import UnreadableFile
from segcore.training.exhibits import BatchPicture, read_batch, read_case, write_batch, write_case


def picture(n: int = 2) -> BatchPicture:
    rng = np.random.default_rng(0)
    return BatchPicture(
        images=rng.integers(0, 256, (n, 4, 5)).astype(np.uint8),
        labels=rng.integers(0, 2, (n, 4, 5)).astype(np.uint8),
        probabilities=rng.integers(0, 256, (n, 4, 5)).astype(np.uint8),
        cases=tuple(f"case{i}" for i in range(n)),
        kinds=("on a lesion, pasted", "anywhere")[:n],
    )


def test_a_batch_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = picture()
    write_batch(tmp_path / "shown" / "batch.npz", written)
    read = read_batch(tmp_path / "shown" / "batch.npz")

    assert len(read) == 2
    assert (read.cases, read.kinds) == (written.cases, written.kinds)
    for name in ("images", "labels", "probabilities"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    assert [file.name for file in (tmp_path / "shown").iterdir()] == ["batch.npz"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"\x93NUMPY"])
def test_a_damaged_batch_is_told_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "batch.npz"
    file.write_bytes(content)

    with pytest.raises(UnreadableFile, match="patches cannot be read"):
        read_batch(file)
    with pytest.raises(UnreadableFile):
        read_batch(tmp_path / "missing.npz")


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    one = picture()
    write_batch(
        tmp_path / "b.npz",
        BatchPicture(
            images=one.images, labels=one.labels[:1], probabilities=one.probabilities, cases=one.cases, kinds=one.kinds
        ),
    )

    with pytest.raises(UnreadableFile, match="do not belong together"):
        read_batch(tmp_path / "b.npz")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "case.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)

    with pytest.raises(UnreadableFile):
        read_case(tmp_path / "case.npy", (1,))  # type: ignore[arg-type]


def test_a_prediction_comes_back_and_one_of_another_scan_is_refused(tmp_path: Path) -> None:
    steps = np.arange(-30, 30, dtype=np.int8).reshape(3, 4, 5)
    write_case(tmp_path / "case.npy", steps)

    np.testing.assert_array_equal(read_case(tmp_path / "case.npy", (3, 4, 5)), steps)
    with pytest.raises(UnreadableFile, match="another scan"):
        read_case(tmp_path / "case.npy", (3, 5, 4))
