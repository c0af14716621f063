"""What the API answers when it cannot do what was asked: one shape, a code, and what the user can do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ingestor.api.errors import Failure, add_handlers
from metrics import facts
from tests.actors.trees import running

SPAN = {"from": "2026-01-01T00:00:00Z"}
ON_THE_DISK: list[tuple[str, str, Any]] = [
    ("GET", "/api/gaps", None),
    ("GET", "/api/quarantine", None),
    ("GET", "/api/quarantine/1", None),
    ("POST", "/api/quarantine/drop", {"ids": [1]}),
    ("POST", "/api/quarantine/replay", {}),
    ("GET", "/api/backfill", None),
    ("POST", "/api/backfill", SPAN),
    ("GET", "/api/jobs", None),
    ("GET", "/api/jobs/1", None),
    ("DELETE", "/api/jobs/1000", None),
    ("GET", "/api/audit", None),
    ("POST", "/api/audit", SPAN),
    ("PUT", "/api/config", {"weather_cache_minutes": 5}),
]
TOO_LARGE = ("9223372036854775808", "18446744073709551616", "-9223372036854775809", "1" + "0" * 30, "9" * 5000)
OUT_OF_REACH = (
    "1000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "1677-09-21T00:12:43Z",
    "2262-04-11T23:47:17Z",
)


@contextmanager
def away(file: Path) -> Iterator[None]:
    """Let a file be what nobody can open until the end of the block."""
    kept = file.with_name("kept")
    file.rename(kept)
    file.mkdir()
    try:
        yield
    finally:
        file.rmdir()
        kept.rename(file)


async def test_while_the_disk_is_away_every_route_says_so_and_then_answers_again(tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        await tree.heard.wait(facts.SessionOpened)
        tree.server.make_changes(10)
        await tree.settled()
        with away(tmp_path / "state.sqlite3"):
            await tree.service.files.state.aclose()  # now, or an actor may open it once more before it is away
            answers = [await tree.request(method, path, json=body) for method, path, body in ON_THE_DISK]
        again = [await tree.request(method, path, json=body) for method, path, body in ON_THE_DISK]
    assert [answer.status_code for answer in answers] == [503] * len(ON_THE_DISK)
    for answer in answers:
        failure = shape(answer)
        assert (failure.code, failure.heals) == ("can_not_open", False)
        assert "state.sqlite3: it cannot be opened" in failure.detail
        assert "DATA_DIR" in failure.hint
    assert {answer.status_code for answer in again} == {200, 404}


async def test_an_integer_of_more_than_64_bits_is_refused_in_every_parameter(tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        parameters = list(integers((await tree.get("/openapi.json")).json()))
        assert {("/api/quarantine/{id_}", "id_"), ("/api/quarantine", "after"), ("/api/gaps", "before")} <= {
            (path, name) for _, path, _, name in parameters
        }
        for method, path, place, name in parameters:
            for number in TOO_LARGE:
                asked = path.replace(f"{{{name}}}", number) if place == "path" else f"{path}?{name}={number}"
                answer = await tree.request(method, asked)
                assert (asked[:60], answer.status_code, shape(answer).code) == (asked[:60], 400, "invalid")
        for body in ({"ids": [2**63]}, {"ids": [-1]}, {"ids": [10**30]}):
            answers = [await tree.request("POST", f"/api/quarantine/{name}", json=body) for name in ("drop", "replay")]
            assert [answer.status_code for answer in answers] == [400, 400]


@pytest.mark.parametrize("job", ["audit", "backfill"])
async def test_a_time_that_no_database_holds_is_refused_with_a_sentence(job: str, tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        spans = [{"from": at} for at in OUT_OF_REACH] + [SPAN | {"to": at} for at in OUT_OF_REACH]
        answers = [await tree.request("POST", f"/api/{job}", json=span) for span in spans]
        assert [answer.status_code for answer in answers] == [400] * len(spans)
        said = {shape(answer).detail for answer in answers}
        assert said == {
            f"{name}: is out of reach: databases hold the years from 1678 to 2261" for name in ("from", "to")
        }
        assert (await tree.get(f"/api/{job}")).json() == []


async def test_every_refusal_has_the_same_shape(tmp_path: Path) -> None:
    async with running(tmp_path, api_token="t0ken") as tree:  # noqa: S106  it opens nothing
        await tree.heard.wait(facts.SessionOpened)
        known = {"authorization": "Bearer t0ken"}
        asked: list[tuple[str, str, dict[str, Any], tuple[int, str]]] = [
            ("GET", "/api/stats", {}, (401, "unauthorized")),
            ("GET", "/nowhere", {}, (404, "not_found")),
            ("DELETE", "/api/stats", {"headers": known}, (405, "invalid")),
            ("GET", "/api/quarantine/7", {"headers": known}, (404, "not_found")),
            ("GET", "/api/gaps?limit=0", {"headers": known}, (400, "invalid")),
            ("GET", "/api/jobs/7", {"headers": known}, (404, "not_found")),
            ("PUT", "/api/config", {"headers": known, "content": b"{"}, (400, "invalid")),
            ("POST", "/api/audit", {"headers": known, "json": SPAN | {"home": "other"}}, (400, "invalid")),
        ]
        for method, path, options, expected in asked:
            answer = await tree.request(method, path, **options)
            assert (answer.status_code, shape(answer).code) == expected
        begun = [
            await tree.request("POST", "/api/audit", headers=known, json={"from": f"2026-01-0{day}T00:00:00Z"})
            for day in (1, 2)
        ]
    assert [answer.status_code for answer in begun] == [200, 409]
    assert (shape(begun[1]).code, shape(begun[1]).heals) == ("pending", True)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"weather_cache_minutes": 15}'])
async def test_a_body_that_is_no_object_is_told_with_the_header_that_it_needs(body: bytes, tmp_path: Path) -> None:
    headers = {} if body.endswith(b"15}") else {"content-type": "application/json"}
    async with running(tmp_path) as tree:
        answer = await tree.request("PUT", "/api/config", content=body, headers=headers)
        detail = "the body must be a JSON object, sent with the header Content-Type: application/json"
        assert (answer.status_code, shape(answer).detail) == (400, detail)


@pytest.mark.parametrize("change", [
    {"retention_days": True}, {"retention_days": "1"}, {"retention_days": 1.0}, {"weather_cache_minutes": True},
    {"retention_days": 1, "confirm": "yes"}, {"retention_days": 1, "confirm": 1},
])  # fmt: skip
async def test_nothing_else_is_taken_for_a_number_or_a_yes(change: dict[str, Any], tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        answer = await tree.request("PUT", "/api/config", json={"confirm": True, **change})
        assert (answer.status_code, shape(answer).code) == (400, "invalid")
        assert (await tree.get("/api/config")).json()["retention_days"] == 0


async def test_a_mistake_of_ours_has_that_shape_too_and_tells_nothing_of_the_inside() -> None:
    app = FastAPI()
    add_handlers(app)

    @app.get("/")
    async def fail() -> None:
        raise RuntimeError("s3cret")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answer = await client.get("/")
    assert (answer.status_code, shape(answer).code) == (500, "internal")
    assert "s3cret" not in answer.text


def shape(answer: httpx.Response) -> Failure:
    """Return the failure that an answer tells, which has nothing beside it."""
    found = answer.json()
    failure = Failure.model_validate(found)
    assert failure.model_dump() == found
    return failure


def integers(openapi: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield method, path, place and name of every parameter that is an integer."""
    for path, methods in openapi["paths"].items():
        for method, told in methods.items():
            for parameter in told.get("parameters", ()):
                kinds = [parameter["schema"], *parameter["schema"].get("anyOf", ())]
                if any(kind.get("type") == "integer" for kind in kinds):
                    yield method.upper(), path, parameter["in"], parameter["name"]
