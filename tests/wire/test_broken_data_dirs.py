"""Every command with every kind of `DATA_DIR` that cannot be used: a sentence and a hint, never a traceback."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ingestor.cli import command
from tests.faults.small_disk import small_disk
from tests.servers.absence import missing
from tests.servers.environment import environment
from tests.servers.processes import free_port

FORMS = (
    "check",
    "audit",
    "audit --json",
    "audit --from 2026-01-01",
    "backfill --from 2026-01-01",
    "jobs",
    "jobs cancel 1",
    "quarantine list",
    "quarantine show 1",
    "quarantine replay all",
    "quarantine drop 1",
)
JUNK = b"this is no database, but long enough to be read as one" * 20
NOBODY = 65534


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")


def made(data: Path) -> Path:
    data.mkdir()
    return data


BROKEN: dict[str, Callable[[Path], object]] = {
    "is not there": lambda _data: None,
    "is a file": lambda data: data.write_text(""),
    "is a link to nowhere": lambda data: data.symlink_to("/nowhere/at/all"),
    "has a folder for the state": lambda data: (made(data) / "state.sqlite3").mkdir(),
    "has a folder for the lock": lambda data: (made(data) / "lock").mkdir(),
    "has a folder for the events": lambda data: (made(data) / "events.sqlite3").mkdir(),
    "has a folder for the spool": lambda data: (made(data) / "spool.sqlite3").mkdir(),
    "has a damaged state": lambda data: (made(data) / "state.sqlite3").write_bytes(JUNK),
    "has damaged events": lambda data: (made(data) / "events.sqlite3").write_bytes(JUNK),
    "has a damaged spool": lambda data: (made(data) / "spool.sqlite3").write_bytes(JUNK),
    "has a newer state": lambda data: newer(made(data) / "state.sqlite3"),
    "has newer events": lambda data: newer(made(data) / "events.sqlite3"),
    "has a newer spool": lambda data: newer(made(data) / "spool.sqlite3"),
    "has a lock that is no text": lambda data: (made(data) / "lock").write_bytes(b"\xff\xfe"),
}


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def told(form: str, data: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code, and what it printed on both streams."""
    settings = {"HA_URL": f"http://127.0.0.1:{free_port()}", "HA_TOKEN": "t0ken", "DATA_DIR": str(data)}
    with tempfile.TemporaryDirectory() as elsewhere, environment(Path(elsewhere), **settings, API_PORT="0"):
        code = command(form.split())
    return code, *capsys.readouterr()


def check(form: str, code: int, printed: str, failure: str) -> None:
    assert code in {0, 1, 2}, form
    assert "Traceback" not in printed + failure, form
    assert form.startswith("check") or (code == 2) <= ("ingestor: " in failure), form
    if form == "check":
        assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize("how", BROKEN)
def test_a_data_dir_that_cannot_be_used_is_told(how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, form in enumerate(FORMS):
        data = tmp_path / str(number)
        BROKEN[how](data)
        check(form, *told(form, data, capsys))


@pytest.mark.parametrize(
    "how", ["is a file", "has a folder for the state", "has a folder for the lock", "has a newer state"]
)
def test_check_finds_what_a_run_would_end_with(how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    BROKEN[how](tmp_path / "data")
    code, printed, _ = told("check", tmp_path / "data", capsys)
    assert (code, "FAILS  DATA_DIR" in printed) == (1, True)


def test_one_below_a_file_is_told_with_what_can_be_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    for form in FORMS:
        code, printed, failure = told(form, tmp_path / "file" / "data", capsys)
        check(form, code, printed, failure)
        assert "directory" in printed + failure, form
        assert "DATA_DIR must be a directory" in " ".join((printed + failure).split()), form


def test_asking_makes_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in FORMS:
        if "--from" not in form:
            told(form, tmp_path / "data", capsys)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def as_nobody() -> Generator[None]:
    """Be a user with no rights until the end of the block."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o700, 0o755])
@pytest.mark.parametrize("has_files", [False, True])
def test_another_user_s_data_dir_is_told(mode: int, has_files: bool, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: FBT001
    if os.geteuid() != 0:
        missing("another user (only root becomes one)")
    with tempfile.TemporaryDirectory() as above:
        Path(above).chmod(0o755)
        data = made(Path(above) / "data")
        for form in FORMS:  # what a command imports is imported by now, by someone who may read it
            told(form, data if has_files else Path(above) / "warm", capsys)
        data.chmod(mode)
        for form in FORMS:
            with as_nobody():
                outcome = told(form, data, capsys)
            check(form, *outcome)


def test_a_full_disk_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        disk.fill()
        code, printed, _ = told("check", disk.path, capsys)
        assert (code, "the disk is full" in " ".join(printed.split())) == (1, True)
        for form in FORMS:
            check(form, *told(form, disk.path, capsys))
            check(form, *told(form, disk.path / "data", capsys))


@pytest.mark.parametrize("name", ["mkdir", "open", "stat"])
def test_what_the_system_forbids_is_told(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(Path, name)

    def forbidden(path: Path, *arguments: object, **options: object) -> object:
        if path.is_relative_to(tmp_path / "data"):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(Path, name, forbidden)
    for form in FORMS:
        check(form, *told(form, tmp_path / "data", capsys))
