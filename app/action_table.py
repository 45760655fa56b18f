"""The one table of everything a person can do by menu, button or key, in the order of menus and key lists."""

from __future__ import annotations

from dataclasses import dataclass

#: Stands for every workspace that shows a viewer with its tools.
VIEWER = "viewer"
_WITH_VIEWER = ("annotate", "review")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do.

    Parameters
    ----------
    id
        ``"<area>.<verb>"``.
    text
        What menus and buttons say.
    tooltip
        One sentence on what it does; the shortcut is added by itself.
    shortcut
        As `QKeySequence` reads it; several are separated by ``", "``. Empty for none.
    icon
        Name of an icon; empty for none.
    workspace
        Only there while this workspace is shown; empty: everywhere; `VIEWER`: wherever scans are looked at. Two
        workspaces may use the same key.
    checkable
        Whether it is on or off.
    """

    id: str
    text: str
    tooltip: str
    shortcut: str = ""
    icon: str = ""
    workspace: str = ""
    checkable: bool = False

    def is_in(self, workspace: str) -> bool:
        """Whether it can be done while `workspace` is shown."""
        return self.workspace in ("", workspace) or (self.workspace == VIEWER and workspace in _WITH_VIEWER)

    def meets(self, other: Action) -> bool:
        """Whether there is a workspace in which both can be done, so that they must not share a key."""
        if "" in (self.workspace, other.workspace) or self.workspace == other.workspace:
            return True
        return self.is_in(other.workspace) or other.is_in(self.workspace)


def _row(
    id: str, text: str, icon: str, shortcut: str, tooltip: str, *, workspace: str = "", checkable: bool = False
) -> Action:
    return Action(
        id=id, text=text, icon=icon, shortcut=shortcut, tooltip=tooltip, workspace=workspace, checkable=checkable
    )


# id, text, icon, shortcut, tooltip

_GLOBAL = (
    _row("file.new", "New project…", "folder-new", "Ctrl+N", "Make an empty project in a folder of your choice"),
    _row("file.open", "Open project…", "folder", "Ctrl+O", "Open the folder of a project"),
    _row("file.demo", "Open demo project", "demo", "", "Open a project with 24 made-up patients to try everything on"),
    _row("file.close", "Close project", "close", "Ctrl+W", "Close the project; it is saved"),
    _row("file.quit", "Quit", "quit", "Ctrl+Q", "Leave RareSeg"),
    _row("edit.undo", "Undo", "undo", "Ctrl+Z", "Take back the last stroke (in Annotate)"),
    _row("edit.redo", "Redo", "redo", "Ctrl+Shift+Z, Ctrl+Y", "Do again what was taken back (in Annotate)"),
    _row("view.data", "Data", "data", "Ctrl+1", "Cases, import and split"),
    _row("view.annotate", "Annotate", "annotate", "Ctrl+2", "Draw and correct masks"),
    _row("view.train", "Train", "train", "Ctrl+3", "Train a model and watch it learn"),
    _row("view.review", "Review", "review", "Ctrl+4", "Judge what a model found, case by case"),
    _row("view.trials", "Trials", "chart", "Ctrl+5", "Compare techniques on your own scans, with statistics"),
    _row("view.theme", "Light theme", "sun", "Ctrl+T", "Change between dark and light"),
    _row("view.commands", "Find a command…", "command", "Ctrl+K", "Type what you want to do"),
    _row("view.reviewer", "Reviewer's name…", "user", "", "Whose name stands beside masks and decisions"),
    _row("help.guide", "User guide", "help", "F1", "How to work with RareSeg"),
    _row(
        "help.convergence",
        "Why it does not converge",
        "warning",
        "",
        "Low error, nothing found: what happens, how RareSeg notices, and what helps",
    ),
    _row("help.explorer", "Loss explorer", "chart", "Ctrl+L", "Ten pixels and a rare class: what each loss rewards"),
    _row("help.keys", "Keyboard shortcuts", "keyboard", "Ctrl+/", "All keys on one page"),
    _row("view.keys", "Change keyboard shortcuts…", "keyboard", "", "Give commands other keys"),
    _row("help.about", "About RareSeg", "info", "", "Version, intended use, licences, where the log lies"),
)

_DATA = (
    _row(
        "data.import-files",
        "Import files…",
        "import",
        "Ctrl+I",
        "Add scans and masks; you see the plan before anything is read",
    ),
    _row(
        "data.import-folder",
        "Import folder…",
        "folder",
        "Ctrl+Shift+I",
        "Add a folder of scans and masks; you see the plan before anything is read",
    ),
    _row(
        "data.split", "Split…", "split", "", "Share the cases out to training, validation and test, patient by patient"
    ),
    _row("data.export", "Export masks…", "export", "Ctrl+E", "Write masks in the geometry of their scans"),
    _row("data.report", "Integrity report", "report", "", "What the last import found wrong, and what to do about it"),
    _row(
        "data.annotate",
        "Open in Annotate",
        "annotate",
        "",
        "Draw or correct the mask of the selected case (or double-click it)",
        workspace="data",
    ),
    _row(
        "data.complete",
        "Mark complete",
        "complete",
        "Ctrl+Return",
        "The masks of the selected cases are the truth; training may use them",
        workspace="data",
    ),
    _row(
        "data.confirm-empty",
        "Confirm empty…",
        "empty",
        "",
        "A person looked: there is nothing to find in the selected cases",
        workspace="data",
    ),
    _row(
        "data.draft",
        "Back to draft",
        "draft",
        "",
        "The masks are not finished; training leaves them out",
        workspace="data",
    ),
    _row("data.flag", "Flag", "flag", "", "Something is odd; training leaves them out", workspace="data"),
    _row(
        "data.remove",
        "Remove from project…",
        "delete",
        "Del",
        "Take the selected cases out of the project; your original files stay",
        workspace="data",
    ),
    _row("data.group", "Set patient…", "user", "", "Say which patient the selected cases belong to", workspace="data"),
    *(
        _row(f"data.page-{name}", f"Page: {text}", "", "", f"{help} (a page of Data)", workspace="data")
        for name, text, help in (
            ("imbalance", "Imbalance", "Lesions per case, their sizes, empty cases, balance of the split"),
            ("suspects", "Suspects", "Masks and cases that look wrong, with their place"),
            ("resolution", "Resolution", "Lesions that a resolution loses"),
            ("simulator", "Simulator", "What a batch holds, for any patch, share and batch"),
            ("advice", "Advice", "A recipe that follows from the measured project"),
        )
    ),
    _row("data.go-to", "Go to", "crosshair", "", "Open the suspect's case in Annotate at its place", workspace="data"),
    _row(
        "data.clear-suspect",
        "It is right",
        "success",
        "",
        "You looked: the selected suspect is right; it is not listed again until its mask changes",
        workspace="data",
    ),
    _row("data.ask-again", "Ask again", "undo", "", "List the suspects again that were found right", workspace="data"),
    _row("data.check-again", "Check again", "refresh", "", "Look at every changed mask again", workspace="data"),
    _row("data.as-advised", "As advised", "undo", "", "Put the sliders where the advice puts them", workspace="data"),
    _row(
        "data.use-sampling",
        "Use in training",
        "train",
        "",
        "Put the advised recipe with this sampling, patch and batch into the form of Train",
        workspace="data",
    ),
    _row(
        "data.use-recipe",
        "Use this recipe",
        "train",
        "",
        "Put the advised recipe into the form of Train",
        workspace="data",
    ),
    _row("data.filter", "Find a case", "search", "Ctrl+F", "Filter the table by case or patient", workspace="data"),
)

_ANNOTATE: tuple[Action, ...] = tuple(
    _row(f"annotate.{id}", text, icon, keys, tooltip, workspace="annotate", checkable=checkable)
    for id, text, icon, keys, tooltip, checkable in (
        ("navigate", "Navigate", "crosshair", "N", "Click to move the crosshair through all planes", True),
        ("brush", "Brush", "brush", "B", "Paint a disc in the plane, or a ball through planes; Shift erases", True),
        ("adaptive", "Adaptive brush", "adaptive", "D", "Paint what is joined to the middle and alike", True),
        ("eraser", "Eraser", "eraser", "E", "Brush with the background", False),
        ("fill", "Fill", "fill", "G", "Click to take everything connected with a similar value", True),
        ("trace", "Level trace", "trace", "T", "Click to fill the contour of the grey value under the mouse", True),
        (
            "polygon",
            "Polygon",
            "polygon",
            "O",
            "Click corners; Enter or double-click closes, Backspace takes back",
            True,
        ),
        ("lasso", "Lasso", "lasso", "L", "Draw around it, or click corners; Enter or double-click closes", True),
        ("box", "Box", "box", "Shift+B", "Drag a rectangle from corner to corner", True),
        ("livewire", "Livewire", "livewire", "W", "Click along an edge; the outline follows it; Enter closes", True),
        ("cut", "Cut", "cut", "Q", "Drag a line across a lesion to part it in two", True),
        ("seeds", "Strokes", "seeds", "S", "A few strokes inside and outside; the lesion is worked out", True),
        (
            "finding",
            "Take a finding",
            "finding",
            "A",
            "Click a lesion shown in blue to take it over; Shift removes",
            True,
        ),
        (
            "three-d",
            "Through planes (3D)",
            "",
            "Shift+D",
            "Tools and changes work on one slice, or through planes",
            False,
        ),
        ("use", "Use the tool here", "", "P", "Use the tool at the crosshair, as a click there", False),
        ("use-erasing", "Erase here", "", "Shift+P", "Use the tool at the crosshair, as Shift and a click", False),
        ("cursor-up", "Crosshair up", "", "Alt+Up", "Move the crosshair up by a voxel", False),
        ("cursor-down", "Crosshair down", "", "Alt+Down", "Move the crosshair down by a voxel", False),
        ("cursor-left", "Crosshair left", "", "Alt+Left", "Move the crosshair left by a voxel", False),
        ("cursor-right", "Crosshair right", "", "Alt+Right", "Move the crosshair right by a voxel", False),
        ("take-back", "Take a point back", "", "Backspace", "Drop the last corner or the last of the strokes", False),
        ("preview", "Preview", "", "", "Work out what the strokes mark and show it in blue (Enter)", False),
        ("accept", "Accept", "complete", "", "Put what the strokes found into the mask (Enter)", False),
        ("discard", "Discard", "cancel", "", "Drop the preview, or else the strokes (Esc)", False),
        ("combine-add", "Add to the mask", "", "", "What is shown in blue joins the lesions", False),
        ("combine-subtract", "Subtract from the mask", "", "", "What is shown in blue is taken out", False),
        ("combine-intersect", "Keep what both have", "", "", "Only what is also shown in blue stays", False),
        ("combine-replace", "Replace the mask", "", "", "The mask becomes what is shown in blue", False),
        ("versions", "Versions…", "clock", "", "All kept versions of this mask: compare, restore", False),
        ("larger", "Larger brush", "", "]", "A larger brush", False),
        ("smaller", "Smaller brush", "", "[", "A smaller brush", False),
        ("next", "Next case", "next", ".", "Go to the next case in the list", False),
        ("previous", "Previous case", "previous", ",", "Go to the previous case in the list", False),
        ("complete", "Mark complete", "complete", "Ctrl+Return", "The mask is the truth; training may use it", False),
        ("empty", "Confirm empty", "empty", "Ctrl+Shift+E", "You looked: there is no lesion in this case", False),
        ("flag", "Flag", "flag", "Ctrl+Shift+F", "Someone should look at this case", False),
        ("fit", "Fit", "fit", "F", "Show whole slices", False),
        (
            "cancel",
            "Drop it",
            "",
            "Esc",
            "Forget the outline, the preview or the strokes; give up what takes long",
            False,
        ),
        ("close-outline", "Close or accept", "", "Return", "Fill the outline; preview strokes, then accept", False),
        ("grow", "Grow", "", "", "Add what is at most the chosen distance from the lesions", False),
        ("shrink", "Shrink", "", "", "Take away what is at most the chosen distance from the background", False),
        ("smooth", "Smooth", "", "", "Smooth outlines by the chosen distance; no lesion disappears", False),
        ("close-gaps", "Close gaps", "", "", "Fill gaps up to twice the chosen distance wide", False),
        ("remove-threads", "Remove threads", "", "", "Remove what is thinner than twice the chosen distance", False),
        ("fill-holes", "Fill holes", "", "H", "Fill what the lesions enclose", False),
        ("split-lesion", "Split this lesion", "", "", "Part the lesion under the crosshair at its waist", False),
        ("remove-lesion", "Remove this lesion", "", "X", "Remove the lesion under the crosshair", False),
        ("remove-small", "Remove small lesions", "", "", "Remove lesions below the chosen volume", False),
        ("keep-largest", "Keep the largest only", "", "", "Remove every lesion but the largest", False),
        ("copy-above", "Copy from the slice above", "", "Shift+Up", "Add the lesions of the next slice up", False),
        ("copy-below", "Copy from the slice below", "", "Shift+Down", "Add the lesions of the next slice down", False),
        ("fill-between", "Fill between slices", "", "I", "Draw the slices missing between two drawn ones", False),
        ("mirror", "Mirror left-right", "", "", "Add the lesions' mirror image across the crosshair's column", False),
        *((f"channel{n}", f"Channel {n}", "", str(n), f"Show channel {n} of the scan", False) for n in range(1, 5)),
        ("compare", "Right and wrong", "", "C", "Colour by where mask and prediction agree; again: as before", False),
    )
)

_TRAIN: tuple[Action, ...] = tuple(
    _row(f"train.{id}", text, icon, "", tooltip, workspace="train")
    for id, text, icon, tooltip in (
        ("recipe-open", "Open recipe…", "folder", "Put a recipe from a file into the form; or drop the file on it"),
        ("recipe-save", "Save recipe…", "export", "Write the form as a file that others can open"),
        ("recipe-compare", "Compare recipes…", "", "Show what differs between the form and a recipe in a file"),
        ("preview-patches", "Preview augmentation", "", "Show patches of your scans as training would change them"),
        ("preview-lesions", "Preview synthesis", "", "Show copied lesions in your own training scans"),
        ("measure-pace", "Measure this machine's pace", "", "Take a few steps, so that the time of a run is known"),
        ("find-devices", "Look for devices", "", "Ask which processors and GPUs training can use, with their memory"),
    )
)

_REVIEW: tuple[Action, ...] = tuple(
    _row(f"review.{id}", text, icon, keys, tooltip, workspace="review")
    for id, text, icon, keys, tooltip in (
        ("accept", "Accept", "complete", "A", "The prediction at this threshold becomes the case's mask"),
        ("edit", "Accept and edit", "annotate", "E", "The prediction becomes the mask, and you correct it in Annotate"),
        ("reject", "Reject", "cancel", "R", "The prediction is wrong; the case's mask stays as it is"),
        ("next", "Next in the worklist", "next", "N", "Go to the next case of the worklist"),
        ("previous", "Previous in the worklist", "previous", "P", "Go to the previous case of the worklist"),
        ("doubt", "Where members disagree", "", "D", "Show or hide where the members of an ensemble disagree"),
        ("compare", "Right and wrong", "", "C", "Colour mask and prediction by where they agree; again: as before"),
        *((f"channel{n}", f"Channel {n}", "", str(n), f"Show channel {n} of the scan") for n in range(1, 5)),
        ("fit", "Fit", "fit", "F", "Show whole slices"),
    )
)

_VIEWER: tuple[Action, ...] = tuple(
    _row(f"viewer.{id}", text, icon, keys, tooltip, workspace=VIEWER, checkable=checkable)
    for id, text, icon, keys, tooltip, checkable in (
        ("three", "Three planes", "layout-three", "F5", "Show axial, coronal and sagittal slices together", True),
        ("one", "One plane", "layout-one", "F6", "Show the plane in hand alone; again: the next plane", True),
        ("beside", "Side by side", "layout-beside", "F7", "A second view that moves along: channel, mask, case", True),
        ("surface", "3D surface", "cube", "F8", "Lesions and the body's outline in three dimensions", True),
        ("lesions", "Lesion table", "table", "F9", "All lesions of the case with their sizes; click to go there", True),
        (
            "next-lesion",
            "Next lesion",
            "next",
            "J",
            "Go to the next lesion, after the last one in the next case",
            False,
        ),
        (
            "previous-lesion",
            "Previous lesion",
            "previous",
            "Shift+J",
            "Go to the lesion before, also in the case before",
            False,
        ),
        ("next-error", "Next error", "", "K", "Go to the next missed lesion or false finding, across cases", False),
        ("previous-error", "Previous error", "", "Shift+K", "Go to the error before, also in the case before", False),
        (
            "zoom-lesion",
            "Zoom to the lesion",
            "",
            "Z",
            "Show the lesion under the crosshair, or the nearest, large",
            False,
        ),
        ("zoom-in", "Zoom in", "zoom-in", "+, =", "Show it larger", False),
        ("zoom-out", "Zoom out", "zoom-out", "-", "Show it smaller", False),
        ("actual", "One to one", "", "Shift+F", "Show one voxel as one pixel of the screen", False),
        ("ruler", "Ruler", "ruler", "Shift+R", "Drag a line to measure its length in millimetres", True),
        ("angle", "Angle", "angle", "Shift+A", "Three clicks measure an angle: side, corner, side", True),
        ("ellipse", "Ellipse", "ellipse", "Shift+O", "Drag an ellipse: mean, SD, lowest, highest, area", True),
        ("measure-delete", "Erase the measurement", "", "Del", "Erase the marked measurement, else the newest", False),
        (
            "measure-clear",
            "Erase all measurements",
            "delete",
            "Shift+Del",
            "Erase all measurements of this scan",
            False,
        ),
        ("play", "Play", "start", "Shift+Space", "Run through the slices of the plane in hand; again: stop", True),
        ("hide", "Hide masks", "eye-off", "V", "Hide everything that is drawn over the scan; again: show it", True),
        ("style", "Next overlay style", "", "Shift+V", "Masks as fill and outline, fill, or outline", False),
        ("preset", "Next window", "contrast", "Shift+W", "The next preset of window and level", False),
        ("map", "Next map", "", "Shift+M", "Colour the probability, how unsure the model is, or nothing", False),
        ("fusion", "Second channel", "", "Shift+U", "Lay a second channel over the first in colour; again: not", True),
        ("pan-by-touch", "Two fingers move the picture", "", "", "On a touchpad; otherwise they scroll slices", True),
    )
)

ACTIONS: tuple[Action, ...] = (*_GLOBAL, *_DATA, *_ANNOTATE, *_TRAIN, *_REVIEW, *_VIEWER)
