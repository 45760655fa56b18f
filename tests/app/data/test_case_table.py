import time
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.background import Background
from app.data.case_table import COLUMN_OF, CaseTable, natural
from app.data.case_view import CaseView
from app.data.overview import overview_of
from app.data.thumbnails import Thumbnails
from app.session import Session
from app.settings import Settings
from app.widgets.wording import millilitres, one_in, percent
from segcore.geometry import Grid
from segcore.projects.case import Case, CaseState, Part
from segcore.projects.project import Project

MakeProject = Callable[..., Project]
GRID = Grid.from_spacing((4, 24, 24), (3.0, 1.0, 1.0))


def case(number: int, **changes: object) -> Case:
    facts: dict[str, object] = {
        "id": f"case-{number}",
        "group": f"P{number}",
        "state": CaseState.COMPLETE,
        "part": None,
        "channels": ("image",),
        "grid": GRID,
        "source_grid": GRID,
        "source_suffix": ".nii.gz",
        "sources": (f"case-{number}.nii.gz",),
        "foreground_voxels": 4,
        "labelled_voxels": 4 * 24 * 24,
        "lesions": 1,
    }
    return Case(**(facts | changes))  # type: ignore[arg-type]


class ManyCases(Session):
    """A session with cases made of thin air."""

    def __init__(self, settings: Settings, cases: tuple[Case, ...]) -> None:
        super().__init__(settings)
        self._made = cases
        self._rows = {case.id: row for row, case in enumerate(cases)}

    def cases(self) -> tuple[Case, ...]:
        return self._made

    def row_of(self, id: str) -> int | None:
        return self._rows.get(id)


@pytest.fixture
def view(qtbot: QtBot, session: Session, background: Background, make_project: MakeProject) -> Iterator[CaseView]:
    states = (CaseState.COMPLETE, CaseState.CONFIRMED_EMPTY, CaseState.DRAFT, CaseState.UNLABELLED)
    session.adopt(make_project(cases=12, states=states, split=True))
    errors: list[Exception] = []
    made = CaseView(session, background, errors.append)
    made.resize(1200, 700)
    qtbot.addWidget(made)
    made.show()
    yield made
    assert errors == []


def shown(view: CaseView, column: str) -> list[str]:
    return [
        str(view.filter.index(row, COLUMN_OF[column]).data(Qt.ItemDataRole.DisplayRole))
        for row in range(view.filter.rowCount())
    ]


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0 %"), (0.123456, "12.3 %"), (0.000012, "0.00120 %"), (1.0, "100 %"), (1e-8, "1.0e-06 %")],
)
def test_shares_read_as_per_cent_with_three_digits(share: float, words: str) -> None:
    assert percent(share) == words


@pytest.mark.parametrize(("share", "words"), [(0.0, "–"), (0.5, "1 : 1.0"), (0.001, "1 : 999"), (1e-5, "1 : 99,999")])
def test_shares_read_as_foreground_to_background(share: float, words: str) -> None:
    assert one_in(share) == words


def test_a_photograph_has_no_millilitres() -> None:
    assert millilitres(1.0, Grid.from_spacing((1, 9, 9), calibrated=False)) == "–"
    assert millilitres(0.012, GRID) == "0.012"


def test_case2_sorts_before_case10() -> None:
    assert sorted(["case10", "case2", "Case1"], key=natural) == ["Case1", "case2", "case10"]


def test_the_table_shows_the_figures_of_a_case(view: CaseView) -> None:
    # 4 foreground voxels of 4 * 24 * 24 = 2304: 0.1736 %, one to (2304 - 4) / 4 = 575; 4 * 3 mm3 = 0.012 ml
    texts = [
        shown(view, name)[0] for name in ("case", "patient", "state", "share", "ratio", "lesions", "volume", "part")
    ]
    assert texts == ["case-0", "P0", "Complete", "0.174 %", "1 : 575", "1", "0.012", "Train"]
    assert shown(view, "size")[0] == "24 × 24 × 4"
    assert shown(view, "share")[3] == "–"


def test_clicking_a_title_sorts_by_meaning(qtbot: QtBot, view: CaseView) -> None:
    assert shown(view, "case")[-2:] == ["case-10", "case-11"]
    header = view.horizontalHeader()
    for _ in range(2):
        from_left = header.sectionViewportPosition(COLUMN_OF["share"]) + 20
        qtbot.mouseClick(
            header.viewport(), Qt.MouseButton.LeftButton, pos=header.rect().topLeft().__class__(from_left, 8)
        )
    assert shown(view, "share")[-3:] == ["–", "–", "–"]


def test_filters_narrow_the_table_down(view: CaseView) -> None:
    view.filter.set_state(CaseState.DRAFT.value)
    assert shown(view, "case") == ["case-2", "case-6", "case-10"]
    view.filter.set_state("")
    view.filter.set_part(Part.TEST.value)
    assert shown(view, "case") == ["case-4", "case-9"]
    view.filter.set_part("")
    view.filter.set_text("p2 5")
    assert shown(view, "case") == ["case-5"]


def test_a_patient_is_renamed_in_the_table(qtbot: QtBot, view: CaseView, session: Session) -> None:
    view.setCurrentIndex(view.filter.index(0, COLUMN_OF["patient"]))
    qtbot.keyClick(view, Qt.Key.Key_F2)
    editor = view.focusWidget()
    assert editor is not None
    qtbot.keyClicks(editor, "Anna")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: shown(view, "patient")[0] == "Anna", timeout=1000)
    assert session.opened.case("case-0").group == "Anna"


def test_a_part_is_chosen_in_the_table(view: CaseView, session: Session) -> None:
    index = view.filter.index(0, COLUMN_OF["part"])
    assert view.filter.setData(index, Part.TEST.value, Qt.ItemDataRole.EditRole)
    assert session.opened.case("case-0").part is Part.TEST
    assert shown(view, "part")[0] == "Test"


def test_thumbnails_arrive_for_the_rows_on_the_screen(qtbot: QtBot, view: CaseView, background: Background) -> None:
    def pictures() -> int:
        cells = [view.filter.index(row, 0).data(Qt.ItemDataRole.DecorationRole) for row in range(12)]
        return sum(cell is not None for cell in cells)

    qtbot.waitUntil(lambda: pictures() == 12, timeout=5000)
    qtbot.waitUntil(lambda: background.running_tasks == 0, timeout=5000)


def test_a_changed_mask_gets_a_new_thumbnail(qtbot: QtBot, view: CaseView, session: Session) -> None:
    cell = view.filter.index(0, 0)
    qtbot.waitUntil(lambda: cell.data(Qt.ItemDataRole.DecorationRole) is not None, timeout=5000)
    first = cell.data(Qt.ItemDataRole.DecorationRole).toImage()
    mask = session.opened.mask("case-0")
    mask.labels[0, 10:20, 10:20] = 1
    session.opened.save_mask("case-0", mask, author="x", origin="annotation")
    session.notify_mask("case-0")
    qtbot.waitUntil(
        lambda: (p := cell.data(Qt.ItemDataRole.DecorationRole)) is not None and p.toImage() != first, timeout=5000
    )


def test_enter_and_double_click_open_the_case(qtbot: QtBot, view: CaseView) -> None:
    opened: list[str] = []
    view.opened.connect(opened.append)
    view.selectRow(2)
    view.setCurrentIndex(view.filter.index(2, 1))
    qtbot.keyClick(view, Qt.Key.Key_Return)
    place = view.visualRect(view.filter.index(4, 1)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert opened == ["case-2", "case-4"]


def test_a_thousand_cases_are_filtered_and_sorted_fast(
    qtbot: QtBot, settings: Settings, background: Background
) -> None:
    """A loose limit: on a quiet machine all of it takes about a fifth of a second."""
    many = ManyCases(settings, tuple(case(n, foreground_voxels=n % 97) for n in range(1000)))
    view = CaseView(many, background, lambda error: None)
    view.resize(1200, 700)
    qtbot.addWidget(view)
    view.show()
    start = time.perf_counter()
    view.sortByColumn(COLUMN_OF["share"], Qt.SortOrder.DescendingOrder)
    view.filter.set_text("case 9")
    view.grab()
    seconds = time.perf_counter() - start
    assert shown(view, "case")[0].startswith("case-")
    assert view.filter.rowCount() == sum("9" in str(n) for n in range(1000))
    assert seconds < 3.0


def test_only_what_is_painted_asks_for_a_thumbnail(qtbot: QtBot, settings: Settings, background: Background) -> None:
    many = ManyCases(settings, tuple(case(n) for n in range(1000)))
    asked: list[str] = []

    class Counting(Thumbnails):
        def get(self, id: str) -> None:
            asked.append(id)

    view = CaseView(many, background, lambda error: None)
    view.table = CaseTable(many, Counting(many, background), lambda error: None)
    view.filter.setSourceModel(view.table)
    view.resize(1200, 560)
    qtbot.addWidget(view)
    view.show()
    view.grab()
    assert 5 <= len(set(asked)) <= 14


def test_the_overview_pools_what_is_trainable() -> None:
    cases = (
        case(0, part=Part.TRAIN, foreground_voxels=10, labelled_voxels=1000, lesions=2),
        case(1, part=Part.TEST, foreground_voxels=0, labelled_voxels=1000, lesions=0, state=CaseState.CONFIRMED_EMPTY),
        case(2, part=Part.TRAIN, foreground_voxels=500, labelled_voxels=1000, lesions=9, state=CaseState.DRAFT),
        case(3, state=CaseState.UNLABELLED, foreground_voxels=0, lesions=0),
    )
    overview = overview_of(cases)
    assert (overview.cases, overview.trainable, overview.without_foreground, overview.not_split) == (4, 2, 1, 1)
    assert overview.all.prevalence == 10 / 2000
    assert overview.all.lesions == 2
    parts = dict(overview.parts)
    assert (parts[Part.TRAIN].cases, parts[Part.TRAIN].lesions, parts[Part.TEST].with_foreground) == (2, 11, 0)
