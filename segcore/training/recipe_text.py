"""Where a setting stands in the text of a recipe file, for errors that a person can follow."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*\[+\s*([^\]\s]+)\s*\]+")
_KEY = re.compile(r"\s*([A-Za-z0-9_\"'.-]+)\s*=")


def line_of(text: str, section: str, key: str, *, number: int = 0) -> int:
    """Return the line, from 1, on which `key` of `section` stands; 0 where it is not found.

    Parameters
    ----------
    section
        Its header; "" for what stands before any. A key may be a header itself.
    number
        Which of several sections of this name, from 0.
    """
    here, seen = "", -1
    for line, content in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(content)
        if header:
            here = header[1]
            seen += here == section
            if not section and here == key:
                return line
            continue
        found = _KEY.match(content)
        if found is None or here != section or (section and seen != number):
            continue
        if found[1].strip("\"'") == key:
            return line
    return 0
