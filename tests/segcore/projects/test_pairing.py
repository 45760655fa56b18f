from pathlib import Path

import pytest

from segcore.errors import SettingProblem, UnreadableFile
from segcore.projects.importing import ImportPlan, plan_import


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def pairs(plan: ImportPlan) -> dict[str, str | None]:
    return {case.id: str(case.mask.name) if case.mask else None for case in plan.cases}


def said(plan: ImportPlan) -> dict[str, str]:
    return {problem.file: problem.what for problem in plan.problems}


@pytest.mark.parametrize(
    "mask",
    ["a_mask.png", "a-seg.png", "a_labels.png", "mask_a.png", "A_Mask.PNG", "a.lesion.png", "label-a.png"],
)
def test_affixes_of_masks_are_known(tmp_path: Path, mask: str) -> None:
    touch(tmp_path, "a.png", mask)
    assert pairs(plan_import([tmp_path])) == {"a": mask}


def test_scans_that_are_named_like_masks_stay_scans_where_their_masks_lie_apart(tmp_path: Path) -> None:
    touch(tmp_path, "images/FAKE_lesion.nii", "images/b_seg.nii", "masks/FAKE_lesion.nii", "masks/b_seg.nii")
    assert pairs(plan_import([tmp_path])) == {"b_seg": "b_seg.nii", "FAKE_lesion": "FAKE_lesion.nii"}


def test_a_mask_without_a_scan_and_a_second_mask_are_said(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a_mask.png", "a_seg.png", "b_mask.png")
    plan = plan_import([tmp_path])
    assert pairs(plan) == {"a": "a_mask.png"}
    assert said(plan) == {
        "a_seg.png": "its scan has another mask already",
        "b_mask.png": "no scan has the name of this mask",
    }
    assert all(problem.blocking and problem.remedy for problem in plan.problems)


def test_a_folder_of_each_patient_gives_its_name_to_the_cases(tmp_path: Path) -> None:
    for patient in ("p1", "p2", "p10"):
        touch(tmp_path, f"{patient}/flair.nii.gz", f"{patient}/flair_mask.nii.gz")
    plan = plan_import([tmp_path])
    assert [case.id for case in plan.cases] == ["p1_flair", "p2_flair", "p10_flair"]
    assert [case.mask.parent.name for case in plan.cases if case.mask] == ["p1", "p2", "p10"]
    assert plan.problems == ()


def test_a_file_called_mask_belongs_to_the_one_scan_in_its_folder(tmp_path: Path) -> None:
    touch(tmp_path, "p1/t2.nii", "p1/mask.nii", "p2/t2.nii", "p2/mask.nii")
    plan = plan_import([tmp_path])
    assert [(c.id, c.mask.parent.name if c.mask else None) for c in plan.cases] == [("p1_t2", "p1"), ("p2_t2", "p2")]


def test_masks_in_a_tree_beside_the_scans_find_their_own_patient(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        touch(tmp_path, f"images/{patient}/t2.nii", f"labels/{patient}/t2.nii")
    plan = plan_import([tmp_path])
    assert [(c.id, c.mask.parent.name if c.mask else None) for c in plan.cases] == [("p1_t2", "p1"), ("p2_t2", "p2")]


def test_folders_of_channels_that_were_not_named_are_said_and_not_taken_for_cases(tmp_path: Path) -> None:
    for folder in ("images", "images_T1", "other"):
        touch(tmp_path, *(f"{folder}/p{n}.nii" for n in range(5)))
    plan = plan_import([tmp_path])
    assert [case.images[0][1].parent.name for case in plan.cases] == ["other"] * 5 or [
        case.images[0][1].parent.name for case in plan.cases
    ] == ["images"] * 5
    assert len(plan.problems) == 10
    assert "as a channel" in plan.problems[0].remedy


def test_scans_of_one_stem_and_two_suffixes_are_not_both_taken(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii", "a.nii.gz")
    plan = plan_import([tmp_path])
    assert len(plan.cases) == 1
    assert said(plan) == {"a.nii.gz": "another file in its folder has the same name (a.nii)"}


def test_names_of_nnunet_are_channels_of_a_case(tmp_path: Path) -> None:
    touch(tmp_path, "imagesTr/x_001_0000.nii.gz", "imagesTr/x_001_0001.nii.gz", "labelsTr/x_001.nii.gz")
    touch(tmp_path, "imagesTr/x_002_0001.nii.gz", "imagesTr/x_002_0002.nii.gz")
    plan = plan_import([tmp_path])
    (case,) = plan.cases
    assert (case.id, [name for name, _ in case.images]) == ("x_001", ["channel 0", "channel 1"])
    assert case.mask is not None
    assert said(plan) == {"x_002_0001.nii.gz": "its channels are numbered 1, 2"}


def test_photographs_with_four_digits_are_no_channels(tmp_path: Path) -> None:
    touch(tmp_path, "DSC_0000.jpg", "DSC_0001.jpg")
    assert list(pairs(plan_import([tmp_path]))) == ["DSC_0000", "DSC_0001"]


def test_a_file_of_a_channel_without_a_scan_and_one_name_twice_are_said(tmp_path: Path) -> None:
    touch(tmp_path, "flair/a.nii", "t1/a.nii", "t1/a.nrrd", "t1/lonely.nii")
    plan = plan_import([tmp_path / "flair"], channels={"FLAIR": tmp_path / "flair", "T1": tmp_path / "t1"})
    assert [name for name, _ in plan.cases[0].images] == ["FLAIR", "T1"]
    assert said(plan) == {
        "a.nrrd": "the channel T1 has another file of this name",
        "lonely.nii": "no scan belongs to this file of the channel T1",
    }
    with pytest.raises(SettingProblem, match="two channels are called 'image'"):
        plan_import([tmp_path / "flair"], channels={"image": tmp_path / "t1"})


def test_other_files_are_passed_over_and_scans_of_unknown_kinds_are_said(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "README.txt", "cases.csv", "a.json", ".hidden.png", "__MACOSX/a.png", "b.bmp", "c.mgz")
    touch(tmp_path, *(f"ct/{n}.dcm" for n in range(3)))
    (tmp_path / "series").mkdir()
    for number in range(2):
        (tmp_path / "series" / f"IM{number}").write_bytes(b"\0" * 128 + b"DICM")
    plan = plan_import([tmp_path])
    assert list(pairs(plan)) == ["a"]
    assert said(plan) == {
        "b.bmp": "the file type .bmp is not supported",
        "c.mgz": "the file type .mgz is not supported",
        "0.dcm": "DICOM is not read yet (3 such files in ct)",
        "IM0": "DICOM is not read yet (2 such files in series)",
    }


def test_a_path_that_is_not_there_and_a_file_of_another_kind_are_said(tmp_path: Path) -> None:
    touch(tmp_path, "a.docx")
    plan = plan_import([tmp_path / "nowhere", tmp_path / "a.docx"])
    assert said(plan) == {"nowhere": "it does not exist", "a.docx": "the file type .docx is not supported"}


def test_accents_pair_however_the_disk_stores_them(tmp_path: Path) -> None:
    touch(tmp_path, "images/Mu\u0308ller.png", "masks/M\u00fcller.png")
    plan = plan_import([tmp_path])
    assert plan.problems == ()
    assert plan.cases[0].mask is not None


def test_a_folder_of_masks_alone_or_a_study_named_like_one_is_taken_for_scans(tmp_path: Path) -> None:
    touch(tmp_path, "masks/a.png", "seg study/images/b.png", "seg study/masks/b.png")
    assert pairs(plan_import([tmp_path / "masks"])) == {"a": None}
    assert pairs(plan_import([tmp_path / "seg study"])) == {"b": "b.png"}


def test_masks_given_apart_win_over_folders_named_like_masks(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "masks/a.png", "anterior/a.png")
    plan = plan_import([tmp_path / "images", tmp_path / "masks"], masks=[tmp_path / "anterior"])
    assert plan.cases[0].mask == tmp_path / "anterior" / "a.png"
    assert said(plan) == {"masks": "the folder looks like masks and was passed over"}


def test_a_name_that_the_project_holds_is_said(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    plan = plan_import([tmp_path], known_ids=["a"])
    assert [(problem.what, problem.blocking) for problem in plan.problems] == [
        ("a case of this name is in the project", False)
    ]


@pytest.mark.parametrize(
    "table",
    [
        "case,group\na,p1\nb,p1\n",
        "patient;file;age\np1;a.png;3\np1;b.png;4\n",
        "a\tp1\nb\tp1\n",
        "\ufeffid,subject\nA,p1\nb.png,p1\n",
    ],
)
def test_tables_of_groups_are_read_as_people_save_them(tmp_path: Path, table: str) -> None:
    touch(tmp_path, "a.png", "b.png")
    (tmp_path / "groups.csv").write_text(table, "utf-8")
    plan = plan_import([tmp_path], groups=tmp_path / "groups.csv")
    assert [case.group for case in plan.cases] == ["p1", "p1"]
    assert plan.problems == ()


def test_what_a_table_of_groups_lacks_or_has_too_much_is_said(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    table = tmp_path / "groups.csv"
    table.write_text("case,group\na,p1\na,p2\nc,p3\n")
    plan = plan_import([tmp_path], groups=table)
    assert [(case.id, case.group) for case in plan.cases] == [("a", "p1"), ("b", "b")]
    assert [problem.what for problem in plan.problems] == [
        "a is in two groups (p1, p2)",
        "b is not in the table",
        "c is in the table but not among the scans",
    ]
    table.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableFile, match=r"groups\.csv"):
        plan_import([tmp_path], groups=table)
