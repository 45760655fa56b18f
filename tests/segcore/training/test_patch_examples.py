"""Reading the files of a preview."""

from pathlib import Path

import numpy as np
import pytest

from segcore.errors import SettingProblem, UnreadableFile
from segcore.records import to_line
from segcore.training.patch_examples import PatchExample, PatchExamples, read_examples, read_patch

EXAMPLE = PatchExample(name="patch-0", case="a", foreground=True)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    listed = PatchExamples(examples=(EXAMPLE,), patch=(1, 32, 32), flat=True)
    (tmp_path / "examples.json").write_text(to_line(listed))
    images = np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2)
    labels = np.zeros((2, 2, 2), np.uint8)
    np.save(tmp_path / "patch-0.images.npy", images)
    np.save(tmp_path / "patch-0.labels.npy", labels)
    assert read_examples(tmp_path) == listed
    read = read_patch(tmp_path, EXAMPLE)
    assert np.array_equal(read[0], images)
    assert np.array_equal(read[1], labels)


def test_damaged_files_are_answered_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "examples.json").write_text("{")
    with pytest.raises(SettingProblem):
        read_examples(tmp_path)
    (tmp_path / "patch-0.images.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(UnreadableFile, match="damaged; make it again"):
        read_patch(tmp_path, EXAMPLE)
