"""Every code that an error can be raised with is in the group of the facts that carry it, found in the source."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import ingestor
from ingestor.history import audit, refill
from ingestor.homeassistant import dialogue, endpoint, recorder, session
from ingestor.live import connection, fence
from ingestor.model import advice, disk, errors, http
from ingestor.storage import backup, database, influxdb, influxdb_server, sqlite
from ingestor.weather import bounds, entity, poller, providers, requests
from metrics import codes
from metrics.codes import ErrorCode

DEFAULTS = {
    name: inspect.signature(kind).parameters["code"].default
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.IngestorError) and "code" in inspect.signature(kind).parameters
} | {"ConfigError": ErrorCode.CONFIG, "Damaged": ErrorCode.CORRUPT}


def raised(*modules: ModuleType) -> set[ErrorCode]:
    """Return the codes that stand in these modules, but for those of `Rejected`, which does not leave the storage."""
    return {code for module in modules for kind, code in _codes(inspect.getsource(module)) if kind != "Rejected"}


def rejected() -> set[ErrorCode]:
    """Return the codes of every `Rejected` of the service."""
    sources = [file.read_text() for file in Path(str(ingestor.__file__)).parent.rglob("*.py")]
    return {code for source in sources for kind, code in _codes(source) if kind == "Rejected"}


def _codes(source: str) -> Iterator[tuple[str, ErrorCode]]:
    """Yield each code by the error that it is given to, or that has it by default; the rest by no name."""
    tree = ast.parse(source)
    seen: set[ast.AST] = set()
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        kind = call.func.id if isinstance(call.func, ast.Name) else ""
        given = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
        inside = {node: code for value in given for node, code in _members(value)}
        seen |= inside.keys()
        yield from ((kind, code) for code in inside.values())
        if not given and isinstance(DEFAULTS.get(kind), ErrorCode):
            yield kind, DEFAULTS[kind]
    yield from (("", code) for node, code in _members(tree) if node not in seen)


def _members(tree: ast.AST) -> Iterator[tuple[ast.AST, ErrorCode]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ErrorCode":
            yield node, ErrorCode[node.attr]


@pytest.mark.parametrize(
    ("group", "found"),
    [
        (codes.CONNECTION, raised(connection, dialogue, endpoint, session)),
        (codes.RECORDER, raised(dialogue, endpoint, fence, recorder, refill) | {*codes.REFUSALS}),
        (codes.DISK, raised(backup, database, disk, sqlite) - {ErrorCode.CONFIG}),
        (codes.STORE, raised(influxdb, influxdb_server, http)),
        (codes.WEATHER, raised(bounds, entity, poller, providers, requests, http)),
        (codes.QUARANTINE, rejected()),
    ],
)
def test_a_group_has_the_codes_that_are_raised_and_no_others(
    group: tuple[ErrorCode, ...], found: set[ErrorCode]
) -> None:
    assert (set(group), len(set(group))) == (found, len(group))


def test_an_audit_can_end_in_what_it_raises_itself_and_in_all_below_it() -> None:
    below = {*codes.RECORDER, *codes.STORE, *codes.DISK, ErrorCode.CONFIG}
    assert set(codes.AUDIT) == below | raised(audit)


def test_every_code_has_a_series_and_every_error_of_the_service_a_code() -> None:
    known = {*codes.CONNECTION, *codes.AUDIT, *codes.WEATHER, *codes.QUARANTINE, *codes.HOLDING, *codes.REQUEST}
    files = [file for file in Path(str(ingestor.__file__)).parent.rglob("*.py") if file.name != "advice.py"]
    sources = [file.read_text() for file in files]
    assert known == set(ErrorCode)
    assert {code for source in sources for _, code in _codes(source)} | {*codes.REFUSALS} == set(ErrorCode)


def test_there_is_advice_for_every_code_and_what_waits_for_the_user_says_what_to_do() -> None:
    assert set(advice.ADVICE) == set(ErrorCode)
    told_in_the_sentence = {ErrorCode.CONFIG, ErrorCode.INVALID, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT}
    assert {code for code, one in advice.ADVICE.items() if not one.hint} == told_in_the_sentence
