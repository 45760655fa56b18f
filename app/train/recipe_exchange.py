"""Recipes as files: choosing one to open, to save to, or to compare with; and what was dropped on the form."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtWidgets import QFileDialog, QWidget

from segcore.training.recipe import Recipe
from segcore.training.recipe_files import read_recipe, write_recipe

_KIND = "Recipes (*.toml)"


def ask_for_recipe(parent: QWidget, title: str) -> Recipe | None:
    """Let the person choose a file and return its recipe; None where they changed their mind. Errors as `read_recipe`."""
    chosen, _ = QFileDialog.getOpenFileName(parent, title, "", _KIND)
    return read_recipe(Path(chosen)) if chosen else None


def ask_and_save(parent: QWidget, recipe: Recipe) -> Path | None:
    """Let the person choose where the recipe goes and write it there; errors as `write_recipe`."""
    word = re.sub(r"[^\w-]+", "-", recipe.name).strip("-").lower() or "recipe"
    chosen, _ = QFileDialog.getSaveFileName(parent, "Save the recipe as", f"{word}.toml", _KIND)
    if not chosen:
        return None
    path = Path(chosen)
    target = path if path.suffix.lower() == ".toml" else path.with_name(f"{path.name}.toml")
    write_recipe(target, recipe)
    return target


def dropped_recipe(data: QMimeData) -> Path | None:
    """Return the one TOML file that is being dropped; None for anything else."""
    files = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return files[0] if len(files) == 1 and files[0].suffix.lower() == ".toml" else None
