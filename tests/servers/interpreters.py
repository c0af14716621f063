"""A Python of another version than ours: found on this machine, else brought into the cache.

The sources are asked in order, each only after all before it had nothing that works: those that cost nothing first,
those that download last. A candidate is never taken by its name. It has to run and say its version, since a shim on
the PATH may refuse to (pyenv's does for a version that is not selected), and it has to import the modules of the
standard library that a Python may have been built or packaged without. pip is not among them: it can be installed.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.servers import debian
from tests.servers.absence import Unobtainable, output

_PROBE = "import ctypes, sqlite3, ssl, sys, venv; print('{}.{}{}'.format(*sys.version_info[:2], sys.abiflags))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where interpreters come from. Taking the next candidate may fetch it, and raises `Unobtainable` if it cannot."""

    name: str
    candidates: Callable[[], Iterable[Path]]


def choose(sources: Iterable[Source], why_not: Callable[[Path], str]) -> Path:
    """Return the first candidate, source by source, against which `why_not` says nothing.

    No source is asked after one that has an answer. Raises `Unobtainable` with the last refusal of each source.
    """
    refusals = []
    for source in sources:
        refusal = "none"
        try:
            for candidate in source.candidates():
                refusal = why_not(candidate)
                if not refusal:
                    return candidate
        except Unobtainable as error:
            refusal = str(error)
        refusals.append(f"{source.name}: {refusal}")
    raise Unobtainable("; ".join(refusals))


def interpreter(version: str, cache: Path) -> Path:
    """Return a working Python of a version such as "3.13"; whatever has to be brought for it stays in the cache."""
    return choose(sources(version, os.environ, cache), lambda candidate: why_not(candidate, version))


def sources(version: str, environment: Mapping[str, str], cache: Path) -> list[Source]:
    """Return where to look for a version, in order."""
    variable = f"PYTHON{version.replace('.', '')}"
    named = environment.get(variable)
    return [
        Source(name=variable, candidates=lambda: [Path(named)] if named else []),
        Source(name="PATH", candidates=lambda: _on_path(f"python{version}", environment)),
        Source(name="the suite's own", candidates=lambda: [Path(sys.executable)]),
        Source(name="pyenv", candidates=lambda: _of_pyenv(version, environment)),
        Source(name="uv", candidates=lambda: _of_uv(version, environment, cache / "uv")),
        Source(name="Debian", candidates=lambda: [debian.python(version, cache / f"debian-python{version}")]),
    ]


def why_not(candidate: Path, version: str) -> str:
    """Return why a candidate cannot be used for a version; nothing if it can."""
    try:
        said = output([str(candidate), "-I", "-c", _PROBE])
    except Unobtainable as error:
        return f"{candidate}: {error}"
    return "" if said == version else f"{candidate} is Python {said}"


def _on_path(name: str, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield every program of that name, since behind a shim that refuses there may be a Python that works."""
    for directory in environment.get("PATH", os.defpath).split(os.pathsep):
        if found := shutil.which(name, path=directory or os.curdir):
            yield Path(found)


def _of_pyenv(version: str, environment: Mapping[str, str]) -> Iterator[Path]:
    for root in _pyenv_roots(environment):
        yield from _newest_first(Path(root), f"versions/{version}[.-]*/bin/python")


def _pyenv_roots(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what is set, what pyenv says, where it is installed itself, and where it is by default."""
    if root := environment.get("PYENV_ROOT"):
        yield root
    if pyenv := shutil.which("pyenv", path=environment.get("PATH", os.defpath)):
        yield output([pyenv, "root"], environment)
        yield str(Path(pyenv).resolve().parents[1])
    yield f"{environment.get('HOME', '')}/.pyenv"


def _of_uv(version: str, environment: Mapping[str, str], cache: Path) -> Iterator[Path]:
    """Yield what uv has installed already, then what it installs into the cache; without one, it is brought."""
    managed = f"cpython-{version}.*/bin/python{version}"
    uv = shutil.which("uv", path=environment.get("PATH", os.defpath))
    if uv:
        yield from _newest_first(Path(output([uv, "python", "dir"], environment)), managed)
    else:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
        output([*pip, "--target", str(cache), "uv"], environment)
        uv = str(cache / "bin" / "uv")
    pythons = cache / "pythons"
    only_there = {"UV_PYTHON_INSTALL_DIR": str(pythons), "UV_PYTHON_INSTALL_BIN": "0"}
    output([uv, "python", "install", version], {**environment, **only_there})
    yield from _newest_first(pythons, managed)


def _newest_first(directory: Path, pattern: str) -> list[Path]:
    return sorted(directory.glob(pattern), reverse=True)
