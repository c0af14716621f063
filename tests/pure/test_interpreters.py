"""A Python is taken because it works, from the first source that has one; why there is none is said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.absence import Unobtainable, complaint
from tests.servers.interpreters import Source, choose, sources, why_not

SHIM = "echo 'pyenv: python3.99: command not found' >&2; echo 'The command exists in: 3.99.1' >&2; exit 127"
WORKS = "echo 3.99"


def source(name: str, *candidates: str) -> Source:
    return Source(name=name, candidates=lambda: map(Path, candidates))


def refusing(name: str, reason: str) -> Source:
    def candidates() -> Iterator[Path]:
        raise Unobtainable(reason)
        yield

    return Source(name=name, candidates=candidates)


def bad(candidate: Path) -> str:
    return f"{candidate} is bad" if "bad" in candidate.name else ""


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_first_source_with_a_working_candidate_is_taken() -> None:
    asked = [source("A"), source("B", "bad1", "good2"), source("C", "good3")]
    assert choose(asked, bad) == Path("good2")


def test_a_source_that_can_bring_nothing_ends_no_search() -> None:
    assert choose([refusing("A", "no network"), source("B", "good")], bad) == Path("good")


def test_nothing_is_fetched_once_one_was_found() -> None:
    def fetched() -> Iterator[Path]:
        yield Path("good")
        raise AssertionError("asked for more")

    assert choose([Source(name="A", candidates=fetched), refusing("B", "asked for more")], bad) == Path("good")


def test_where_there_is_none_each_source_says_why_in_one_line() -> None:
    with pytest.raises(Unobtainable) as raised:
        choose([source("A"), source("B", "bad1", "bad2"), refusing("C", "no network")], bad)
    assert str(raised.value) == "A: none; B: bad2 is bad; C: no network"


def test_a_shim_that_refuses_to_run_is_not_taken_for_a_python(tmp_path: Path) -> None:
    shim = program(tmp_path / "shims" / "python3.99", SHIM)
    works = program(tmp_path / "bin" / "python3.99", WORKS)
    environment = {"PATH": f"{shim.parent}:{works.parent}"}
    found = choose(sources("3.99", environment, tmp_path), lambda candidate: why_not(candidate, "3.99"))
    assert found == works
    assert why_not(shim, "3.99") == f"{shim}: pyenv: python3.99: command not found"


def test_the_one_that_is_named_is_preferred_if_it_works(tmp_path: Path) -> None:
    on_path = program(tmp_path / "bin" / "python3.99", WORKS)
    named = program(tmp_path / "named", WORKS)
    for choice, expected in ((named, named), (tmp_path / "absent", on_path)):
        environment = {"PYTHON399": str(choice), "PATH": str(on_path.parent)}
        found = choose(sources("3.99", environment, tmp_path), lambda candidate: why_not(candidate, "3.99"))
        assert found == expected


@pytest.mark.parametrize("told_by", ["PYENV_ROOT", "pyenv root", "its own place", "HOME"])
def test_those_of_pyenv_are_found_wherever_its_root_is(told_by: str, tmp_path: Path) -> None:
    root = tmp_path / ".pyenv"
    for version in ("3.9.9", "3.99.1", "3.100.0"):
        program(root / "versions" / version / "bin" / "python", f"echo {version[:4]}")
    environments = {
        "PYENV_ROOT": {"PYENV_ROOT": str(root), "PATH": ""},
        "pyenv root": {"PATH": str(program(tmp_path / "bin" / "pyenv", f"echo {root}").parent)},
        "its own place": {"PATH": str(program(root / "bin" / "pyenv", "echo /another").parent)},
        "HOME": {"HOME": str(tmp_path), "PATH": ""},
    }
    found = choose(sources("3.99", environments[told_by], tmp_path), lambda candidate: why_not(candidate, "3.99"))
    assert found == root / "versions" / "3.99.1" / "bin" / "python"


def test_one_that_is_built_without_what_programs_need_is_refused_in_a_line(tmp_path: Path) -> None:
    lame = program(tmp_path / "python", "printf 'Traceback\\n  File\\nModuleNotFoundError: no ssl\\n' >&2; exit 1")
    assert why_not(lame, "3.99") == f"{lame}: ModuleNotFoundError: no ssl"
    assert why_not(program(lame, "echo 3.98"), "3.99") == f"{lame} is Python 3.98"
    assert why_not(program(lame, "exit 3"), "3.99") == f"{lame}: {lame} ended with 3"


def test_a_complaint_is_the_line_that_says_what_went_wrong() -> None:
    assert complaint("") == ""
    assert complaint("only this\n") == "only this"
    assert complaint("W: a warning\nE: Unable to locate package python3.99\n\n") == (
        "E: Unable to locate package python3.99"
    )
