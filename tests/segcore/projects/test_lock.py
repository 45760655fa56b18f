import json
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from segcore.errors import ProjectLocked
from segcore.projects import lock
from segcore.projects.lock import WriterLock, process_is_alive, read_owner


def write_owner(file: Path, pid: int, host: str = "") -> None:
    file.write_text(json.dumps({"pid": pid, "host": host or socket.gethostname(), "since": "2026-01-02T03:04:05Z"}))


def test_a_lock_names_its_owner_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "writer.lock"
    held = WriterLock(file)
    owner = read_owner(file)
    assert owner is not None
    assert (owner.pid, owner.host) == (os.getpid(), socket.gethostname())
    with pytest.raises(ProjectLocked, match=rf"process {os.getpid()} on {socket.gethostname()} since 20"):
        WriterLock(file)
    held.release()
    held.release()
    assert list(tmp_path.iterdir()) == []
    WriterLock(file).release()


def test_a_process_id_that_is_used_again_by_another_program_does_not_keep_the_project_locked(tmp_path: Path) -> None:
    write_owner(tmp_path / "writer.lock", os.getppid())
    WriterLock(tmp_path / "writer.lock").release()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', "\0" * 50])
def test_a_torn_lock_file_is_taken_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "writer.lock").write_text(content)
    WriterLock(tmp_path / "writer.lock").release()


def test_a_lock_of_another_computer_is_respected_and_the_remedy_named(tmp_path: Path) -> None:
    file = tmp_path / "writer.lock"
    write_owner(file, 1, "ward-7")
    with pytest.raises(ProjectLocked, match=r"process 1 on ward-7 since 2026-01-02T03:04:05Z.*delete writer\.lock"):
        WriterLock(file)
    assert read_owner(file) == lock.Owner(pid=1, host="ward-7", since="2026-01-02T03:04:05Z")


def test_the_lock_of_another_computer_is_taken_over_by_a_person_only(tmp_path: Path) -> None:
    file = tmp_path / "writer.lock"
    write_owner(file, 1, "ward-7")
    assert lock.is_elsewhere(file)

    lock.take_over(file)

    mine = WriterLock(file)
    assert not lock.is_elsewhere(file)
    with pytest.raises(ProjectLocked):
        lock.take_over(file)  # ours is alive
    mine.release()


def test_a_lock_of_another_computer_that_is_alive_after_all_is_not_taken_over(tmp_path: Path) -> None:
    file = tmp_path / "writer.lock"
    held = WriterLock(file)
    write_owner(file, 1, "ward-7")

    with pytest.raises(ProjectLocked, match="ward-7"):
        lock.take_over(file)
    held.release()


def winners_among(takers: int, file: Path) -> list[WriterLock]:
    start = threading.Barrier(takers)
    won: list[WriterLock] = []

    def take() -> None:
        start.wait()
        with suppress(ProjectLocked):
            won.append(WriterLock(file))

    threads = [threading.Thread(target=take) for _ in range(takers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def test_of_many_that_find_a_stale_lock_only_one_takes_it_over(tmp_path: Path) -> None:
    for attempt in range(20):
        file = tmp_path / f"{attempt}.lock"
        write_owner(file, 2**22 + 1)
        (winner,) = winners_among(6, file)
        winner.release()


def test_where_the_drive_knows_no_locks_the_process_id_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_hold", lambda descriptor: None)
    file = tmp_path / "writer.lock"
    write_owner(file, 2**22 + 1)
    held = WriterLock(file)
    with pytest.raises(ProjectLocked):
        WriterLock(file)
    held.release()


def test_a_process_is_alive_or_not() -> None:
    assert process_is_alive(os.getpid())
    assert not process_is_alive(2**22 + 1)
    assert not process_is_alive(0)
    assert not process_is_alive(-1)
