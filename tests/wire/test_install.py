"""What `make` does beside the tests, with a Python and a docker that only note what they are asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.servers.loaded import ROOT

PYTHON = """\
#!/bin/sh
case "$*" in
  --version) echo "Python {version}" ;;
  *"-m venv"*) echo venv >> asked; rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
  *"-m pip"*) echo pip >> asked; test ! -e no-network ;;
  *) exit {old} ;;
esac
"""
INSTALLS = ["pip", "pip"]
DOCKER = """\
#!/bin/sh
echo "$*" | tr '\\n' ' ' >> asked
case "$*" in *"auth create"*) {does} ;; esac
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    put(tmp_path / "python", "3.13.5")
    return tmp_path


def put(file: Path, version: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(PYTHON.format(version=version, old=int(version < "3.11")))
    file.chmod(0o755)


def install(place: Path) -> tuple[int, list[str], str]:
    """Return the exit code, what Python was asked, and what was complained of."""
    (place / "asked").write_text("")
    command = ["make", "--no-print-directory", "install", "PYTHON=./python"]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=60, check=False)
    return ran.returncode, (place / "asked").read_text().split(), ran.stderr


def test_it_is_done_once(place: Path) -> None:
    assert install(place) == (0, ["venv", *INSTALLS], "")
    assert install(place) == (0, [], "")


def test_the_version_of_python_is_looked_at_first(place: Path) -> None:
    put(place / "python", "3.1.9")
    code, asked, said = install(place)
    assert (code, asked, (place / ".venv").exists()) == (2, [], False)
    assert "needs Python 3.11 or newer" in said
    assert "(Python 3.1.9)" in said


@pytest.mark.parametrize("left", ["an older Python", "no pip", "nothing", "a link to a Python that is gone"])
def test_what_cannot_be_used_is_told_and_made_anew(left: str, place: Path) -> None:
    found = place / ".venv" / "bin" / "python"
    put(found, "3.1.9")  # it refuses to import pip, too
    if left == "nothing":
        found.unlink()
    elif left == "a link to a Python that is gone":
        found.unlink()
        found.symlink_to(place / "gone")
    code, asked, said = install(place)
    assert (code, asked) == (0, ["venv", *INSTALLS])
    assert "it is made anew" in said
    assert install(place) == (0, [], "")


def test_one_that_became_unusable_after_all_was_installed_is_installed_anew(place: Path) -> None:
    install(place)
    put(place / ".venv" / "bin" / "python", "3.1.9")
    assert install(place)[:2] == (0, ["venv", *INSTALLS])


def test_a_failed_attempt_is_repeated(place: Path) -> None:
    (place / "no-network").touch()
    assert install(place)[:2] == (2, ["venv", "pip"])
    (place / "no-network").unlink()
    assert install(place) == (0, INSTALLS, "")


def secrets(place: Path) -> dict[str, str]:
    subprocess.run(["make", "secrets"], cwd=place, capture_output=True, check=True)
    return {file.name: file.read_text() for file in (place / "secrets").iterdir()}


def test_secrets_are_made_once_and_the_owner_s_token_is_influxdb_s_alone(place: Path) -> None:
    made = secrets(place)
    assert sorted(made) == sorted(yaml.safe_load((ROOT / "compose.yaml").read_text())["secrets"])
    assert made["influxdb_token"] == made["influxdb_admin_token"]
    assert secrets(place) == made
    (place / "secrets" / "influxdb_admin_token").unlink()  # as an older version left them
    assert secrets(place) == made


@pytest.mark.parametrize(
    ("does", "code", "token"),
    [
        ("printf '0b1\\tingestor\\tnarrow==\\towner\\t0a2\\t[read:orgs]\\n'", 0, "narrow=="),
        ("echo Error: unauthorized >&2; exit 1", 2, None),
        ("true", 2, None),
    ],
)
def test_the_ingestor_gets_a_token_of_its_own_or_keeps_the_one_it_has(
    does: str, code: int, token: str | None, place: Path
) -> None:
    before = secrets(place)
    docker = place / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(does=does))
    docker.chmod(0o755)
    environment = os.environ | {"PATH": f"{docker.parent}:{os.environ['PATH']}"}
    ran = subprocess.run(["make", "influxdb-token"], cwd=place, env=environment, capture_output=True, check=False)
    after = {name: (place / "secrets" / name).read_text() for name in before}
    assert (ran.returncode, after) == (code, before | {"influxdb_token": token or before["influxdb_token"]})
    asked = (place / "asked").read_text()
    assert "--org home" in asked
    assert before["influxdb_admin_token"] not in asked
    assert ("--force-recreate" in asked) is (token is not None)
