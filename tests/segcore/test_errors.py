from pathlib import Path

import pytest

from segcore.errors import (
    Cancelled,
    FileProblem,
    RareSegError,
    UnknownName,
    UnreadableFile,
    UnsupportedFormat,
)


def test_a_file_problem_names_the_file_the_fact_and_the_remedy() -> None:
    error = UnreadableFile(Path("/somewhere/patient 7.nii.gz"), "the file is cut off", remedy="copy it again")
    assert str(error) == "patient 7.nii.gz: the file is cut off; copy it again."


def test_an_error_never_shows_the_folder_of_a_file() -> None:
    error = FileProblem("/home/mueller/secret/scan.nii", "is empty")
    assert "mueller" not in str(error)
    assert str(error) == "scan.nii: is empty."


def test_an_unknown_name_is_answered_with_the_nearest_and_all_known_names() -> None:
    error = UnknownName("loss", "dise", ["dice", "bce"])
    assert str(error) == "there is no loss named 'dise'; did you mean 'dice'? Known: bce, dice."
    assert error.known == ("bce", "dice")


def test_an_unsupported_format_lists_what_is_supported() -> None:
    assert str(UnsupportedFormat("a.xyz", [".png", ".nii"])) == (
        "a.xyz: the file type .xyz is not supported; convert it to one of .png, .nii."
    )


def test_a_sentence_is_one_line_even_when_a_library_message_is_not() -> None:
    assert "\n" not in str(RareSegError("first line\n  second line"))


@pytest.mark.parametrize("kind", [UnreadableFile, UnknownName, Cancelled])
def test_every_expected_error_has_one_root(kind: type[Exception]) -> None:
    assert issubclass(kind, RareSegError)
