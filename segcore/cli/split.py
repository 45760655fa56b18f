"""examples:
rareseg split my-project --fractions 0.7,0.1,0.2 --seed 0
rareseg split my-project --csv split.csv
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from segcore.cli.output import Output
from segcore.errors import SettingProblem, UnknownName, UnreadableFile
from segcore.projects.case import Part
from segcore.projects.project import Project
from segcore.projects.splitting import split_by_group


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("project", type=Path, help="folder of the project")
    parser.add_argument("--csv", type=Path, help="table with the columns case and part (train, validation, test)")
    parser.add_argument("--fractions", default="0.7,0.1,0.2", help="train,validation,test (default 0.7,0.1,0.2)")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Split by patient, or as a table says."""
    with Project.open(arguments.project) as project:
        cases = project.cases()
        if arguments.csv:
            parts = _from_table(arguments.csv, {case.id for case in cases})
        else:
            parts = dict(split_by_group(cases, fractions=_fractions(arguments.fractions), seed=arguments.seed))
        project.set_parts(parts)
        result: dict[str, object] = {
            part.value: [case.id for case in project.cases() if case.part is part] for part in Part
        }
        result["leaks"] = project.leaks()
    lines = [f"{part.value}: {len([p for p in parts.values() if p is part])} cases" for part in Part]
    output.answer(result, [*lines, *project_leaks(result)])
    return 0


def project_leaks(result: dict[str, object]) -> list[str]:
    """Return the leak sentences in a result."""
    found = result["leaks"]
    return [str(sentence) for sentence in found] if isinstance(found, tuple | list) else []


def _fractions(text: str) -> tuple[float, float, float]:
    try:
        train, validation, test = (float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingProblem(f"--fractions {text} is not three numbers", remedy="write 0.7,0.1,0.2") from error
    return (train, validation, test)


def _from_table(file: Path, known: set[str]) -> dict[str, Part]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as handle:
            rows = [row for row in csv.reader(handle) if len(row) >= 2]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFile(file, "the table cannot be read", remedy="save it as CSV in UTF-8") from error
    if rows and rows[0][1].strip().lower() in ("part", "split"):
        rows = rows[1:]
    names = {"val": "validation", "valid": "validation", "training": "train", "testing": "test"}
    parts = {}
    for case, part, *_ in rows:
        if case.strip() not in known:
            raise UnknownName("case", case.strip(), sorted(known)[:20])
        word = part.strip().lower()
        try:
            parts[case.strip()] = Part(names.get(word, word))
        except ValueError as error:
            raise UnknownName("part", part, [p.value for p in Part]) from error
    return parts
