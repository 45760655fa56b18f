"""The memory of this machine."""

import os
import sys
from pathlib import Path

import pytest

from segcore.inference.machine_memory import total_memory


@pytest.mark.skipif(sys.platform == "win32", reason="asks the POSIX way")
def test_it_is_what_the_system_says_or_what_a_container_may_use_if_that_is_less(tmp_path: Path) -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert total_memory(()) == machine
    limit = tmp_path / "memory.max"
    limit.write_text("1000000\n")
    assert total_memory((limit,)) == 1_000_000
    for text in ("max", str(10 * machine), "x"):
        limit.write_text(text)
        assert total_memory((tmp_path / "absent", limit)) == machine
