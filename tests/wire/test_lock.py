"""Who has the data directory, and how others find the service: in processes of their own, as locks are held."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingestor.assembly.lock import LOCK_FILE, locked, running_api
from ingestor.model.errors import ConfigError, Unavailable
from tests.servers.loaded import ROOT

URL = "http://127.0.0.1:8080"
HOLD = f"""
import sys
from pathlib import Path
from ingestor.assembly.lock import locked
with locked(Path(sys.argv[1])) as tell:
    tell({URL!r}) if len(sys.argv) > 2 else None
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(data_dir: Path, *, is_service: bool = True) -> Generator[subprocess.Popen[str]]:
    """Let another process hold the directory until the end of the block."""
    command = [sys.executable, "-c", HOLD, str(data_dir), *(["service"] if is_service else [])]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def everything(data_dir: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in data_dir.parent.rglob("*"))


def test_asking_makes_nothing_and_finds_nobody_where_nothing_is(tmp_path: Path) -> None:
    assert running_api(tmp_path / "no" / "data") is None
    assert running_api(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_service_is_found_while_it_runs_and_asking_changes_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with holder(data_dir) as process:
        before = everything(data_dir)
        assert [running_api(data_dir) for _ in range(3)] == [URL] * 3
        assert everything(data_dir) == before
        with pytest.raises(ConfigError, match="another run of the ingestor uses") as raised, locked(data_dir):
            pass
        assert "stop that one" in raised.value.hint
        assert running_api(data_dir) == URL, "whoever was refused has not touched the address"
        process.kill()
        process.wait(5)
        assert running_api(data_dir) is None
    assert (data_dir / LOCK_FILE).read_text() == URL, "which counts only while the lock is held"


def test_a_command_that_holds_the_directory_is_no_service(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text("http://127.0.0.1:9")  # left by a service that was killed
    with holder(tmp_path, is_service=False):
        assert running_api(tmp_path) is None
        with pytest.raises(ConfigError, match="another run of the ingestor uses"), locked(tmp_path):
            pass


def test_asking_never_keeps_a_service_from_starting(tmp_path: Path) -> None:
    asking = f"""
from pathlib import Path
from ingestor.assembly.lock import running_api
print("asking", flush=True)
while True:
    running_api(Path({str(tmp_path)!r}))
"""
    command, environment = [sys.executable, "-c", asking], os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            for _ in range(2000):
                with locked(tmp_path) as tell:
                    tell(URL)
        finally:
            process.kill()


def test_a_service_of_an_older_version_keeps_the_directory(tmp_path: Path) -> None:
    with (tmp_path / LOCK_FILE).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another run of the ingestor uses"), locked(tmp_path):
            pass


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("file", "directory"),
        ("file/below", "directory"),
        ("folder", "there must be a file"),
    ],
)
def test_what_cannot_be_a_data_directory_is_told_in_a_sentence(place: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / LOCK_FILE).mkdir(parents=True)
    for used in (lambda path: locked(path).__enter__(), running_api):
        with pytest.raises(Unavailable, match=said) as raised:
            used(tmp_path / place)
        assert (raised.value.code, raised.value.heals) == ("can_not_open", False)
