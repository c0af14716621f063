"""Nobody but its user reads the data directory, whatever the umask and whoever made the files."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingestor.assembly.lock import locked
from ingestor.assembly.privacy import tighten
from metrics import facts
from tests.actors.trees import running


@contextmanager
def careless() -> Generator[None]:
    """Have the umask under which everything is made for everybody."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def modes(directory: Path) -> dict[str, int]:
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir() if path.exists()}
    return found | {".": stat.S_IMODE(directory.stat().st_mode)}


async def run(data: Path) -> dict[str, int]:
    with careless(), locked(data):
        async with running(data) as tree:
            await tree.heard.wait(facts.SessionOpened)
            tree.server.make_changes(100)
            await tree.settled()
            found = modes(data)
            warned = [fact.detail for fact in tree.heard.facts if isinstance(fact, facts.Warned)]
    assert warned == []
    return found


async def test_what_is_made_is_private_whatever_the_umask(tmp_path: Path) -> None:
    found = await run(tmp_path / "data")
    assert {"lock", "state.sqlite3", "events.sqlite3", "events.sqlite3-wal", "events.sqlite3-shm"} <= set(found)
    assert found.pop(".") == 0o700
    assert set(found.values()) == {0o600}


async def test_what_is_open_to_others_is_tightened_and_nothing_else(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await run(data)
    elsewhere = tmp_path / "elsewhere.txt"
    for path in (data, *data.iterdir()):
        path.chmod(0o777)
    for other in (data / "notes.txt", elsewhere):
        other.touch()
        other.chmod(0o644)
    (data / "events.v1.sqlite3").touch()
    (data / "state.damaged").symlink_to(data / "nowhere")
    found = await run(data)
    assert (found.pop("."), found.pop("notes.txt"), elsewhere.stat().st_mode & 0o777) == (0o700, 0o644, 0o644)
    assert max(found.values()) <= 0o700
    assert all(not mode & 0o077 for mode in found.values())


def test_a_directory_for_everybody_is_left_alone_and_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o1777)
    (data / "state.sqlite3").touch(0o644)
    [sentence] = tighten(data)
    assert sentence == f"other users may read {data} (a directory that is there for everybody is no DATA_DIR)"
    assert modes(data) == {".": 0o1777, "state.sqlite3": 0o600}


def test_what_cannot_be_tightened_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("state.sqlite3", "lock"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o644)
    monkeypatch.setattr(Path, "chmod", lambda _path, _mode: None)  # as a FAT disk does
    assert tighten(tmp_path) == [
        f"other users may read {tmp_path / 'lock'}, {tmp_path / 'state.sqlite3'} (its disk keeps no modes)"
    ]
    assert tighten(tmp_path / "nowhere") == []
