"""The REST API over its socket, on the real server inside the real tree."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ingestor.api.jobs import AuditJob
from ingestor.api.models import Configuration, DayStats, EventStats, HomeAssistantEvent, SystemHealth
from metrics import facts
from tests.actors.trees import Tree, running
from tests.servers.processes import free_port


@asynccontextmanager
async def healthy(data_dir: Path, changes: int = 1200, **settings: Any) -> AsyncGenerator[Tree]:
    """Run a tree that is connected, with weather, and with so many changes stored."""
    async with running(data_dir, **settings) as tree:
        await tree.heard.wait(facts.SessionOpened)
        await tree.heard.wait(facts.WeatherUpdated)
        tree.server.make_changes(changes)
        await tree.settled()
        yield tree


async def test_every_route_answers_in_its_shape(tmp_path: Path) -> None:
    async with healthy(tmp_path) as tree:
        answers = {path: await tree.get(path) for path in ("/health", "/metrics", "/docs", "/openapi.json")}
        assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
        assert answers["/health"].json() == {"status": "healthy", "problems": {}, "warnings": {}, "codes": {}}
        assert answers["/metrics"].headers["content-type"].startswith("text/plain")
        health = (await tree.get("/api/health")).json()
        assert SystemHealth(**health).model_dump(mode="json") == health
        assert set(health["service_status"].values()) == {"healthy"}
        assert (health["connection_status"]["connected"], health["problems"]) == (True, {})
        stats = (await tree.get("/api/stats")).json()
        assert DayStats(**stats).model_dump(mode="json") == stats
        stored = stats.pop("stored_today")
        assert EventStats(**stats).model_dump(mode="json") == stats == health["event_stats"]
        assert stored["home"].items() >= {"time_zone": "Europe/Amsterdam", "reason": ""}.items()
        assert (stats["events_per_hour"], stats["total_events_today"], stats["error_rate"]) == (1200, 1200, 0.0)


async def test_the_newest_thousand_events_come_from_memory(tmp_path: Path) -> None:
    async with healthy(tmp_path) as tree:
        await tree.service.store.aclose()
        (tmp_path / "events.sqlite3").rename(tmp_path / "away")
        answer = (await tree.get("/api/events/recent?limit=1000")).json()
        truth = list(tree.truth().values())[-1:-1001:-1]
        (tmp_path / "away").rename(tmp_path / "events.sqlite3")
    assert [HomeAssistantEvent(**event) for event in answer]
    shown = [(e["entity_id"], e["domain"], e["state_value"], e["previous_state"], e["attributes"]) for e in answer]
    names = ("entity_id", "domain", "state", "previous_state", "attributes")
    assert shown == [tuple(row[name] or ({} if name == "attributes" else row[name]) for name in names) for row in truth]
    assert {event["weather_data"]["condition"] for event in answer} == {"scattered clouds"}


async def test_events_of_one_entity_are_filled_up_from_the_store(tmp_path: Path) -> None:
    async with healthy(tmp_path, changes=3500) as tree:
        entity_id = tree.server.home.ids[0]
        answer = (await tree.get(f"/api/events/recent?limit=1000&entity_id={entity_id}")).json()
        rows = [row for row in tree.truth().values() if row["entity_id"] == entity_id]
    assert [event["state_value"] for event in answer] == [row["state"] for row in reversed(rows)]
    assert len(rows) == 35


async def test_the_newest_events_of_before_a_restart_come_from_the_store(tmp_path: Path) -> None:
    async with healthy(tmp_path, changes=300) as tree:
        before = (await tree.get("/api/events/recent?limit=200")).json()
    async with healthy(tmp_path, changes=50) as tree:
        after = (await tree.get("/api/events/recent?limit=1000")).json()
        stats = (await tree.get("/api/stats")).json()
    assert stats["total_events_today"] < 300 <= stats["stored_today"]["home"]["events"]
    shown = [(event["entity_id"], event["timestamp"], event["state_value"]) for event in after]
    old = [(event["entity_id"], event["timestamp"], event["state_value"]) for event in before]
    assert [one for one in shown if one in old] == old
    assert len(shown) == len(set(shown)) >= 350


async def test_limits_are_kept_and_told(tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        answers = [await tree.get(f"/api/events/recent?limit={limit}") for limit in ("0", "1001", "-1", "ten")]
        assert [answer.status_code for answer in answers] == [400] * 4
        assert all(answer.json()["detail"].startswith("limit: Input should be") for answer in answers)
        assert (await tree.get("/api/events/recent")).json() == []


GOOD = {"weather_location": "48.1,11.6", "retention_days": 30, "weather_cache_minutes": 5}


async def test_a_change_of_the_configuration_holds_at_once_and_survives_a_restart(tmp_path: Path) -> None:
    changed = GOOD | {"weather_cache_minutes": 5.0}
    async with healthy(tmp_path, changes=10) as tree:
        before = (await tree.get("/api/config")).json()
        assert Configuration(**before).model_dump() == before
        assert (before["ha_token_masked"], before["weather_api_key_masked"]) == ("****home", "****")
        answer = await tree.request("PUT", "/api/config", json=GOOD | {"confirm": True})
        assert answer.json() == before | changed | {"sources": dict.fromkeys(GOOD, "api")}
        assert before["sources"] == dict.fromkeys(GOOD, "environment")
        await tree.heard.wait(facts.WeatherUpdated, 2)
        [weather] = [home.weather.current for home in tree.service.homes]
        assert weather is not None
        assert weather.location == "48.1,11.6"
    async with running(tmp_path) as tree:
        assert {name: (await tree.get("/api/config")).json()[name] for name in GOOD} == changed


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"retention_days": -1}, "retention_days: Input should be greater than or equal to 0"),
    ({"retention_days": "many"}, "retention_days: Input should be a valid integer"),
    ({"retention_days": None}, "retention_days and weather_cache_minutes are numbers"),
    ({"weather_location": "north"}, "weather_location: must be latitude,longitude in degrees, like 52.37,4.89"),
    ({"weather_cache_minutes": 0}, "weather_cache_minutes: Input should be greater than or equal to 1"),
    ({"ha_token": "s3cret"}, "ha_token: Extra inputs are not permitted"),
    ({"retention_days": 7}, "this deletes every event older than 7 days: repeat it with confirm: true"),
]
NO_CHANGE = [b"", b"{", b"[]", b'"text"', b"\xff"]


async def test_a_wrong_change_is_refused_with_the_reason_and_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        before = (await tree.get("/api/config")).json()
        answers = [(await tree.request("PUT", "/api/config", json=change), reason) for change, reason in WRONG]
        header = {"content-type": "application/json"}
        answers += [(await tree.request("PUT", "/api/config", content=body, headers=header), "") for body in NO_CHANGE]
        assert (await tree.get("/api/config")).json() == before
    assert {answer.status_code for answer, _ in answers} == {400}
    assert [reason for answer, reason in answers if reason not in answer.json()["detail"]] == []
    assert "s3cret" not in " ".join(answer.text for answer, _ in answers)


async def test_only_a_shorter_retention_wants_confirmation(tmp_path: Path) -> None:
    async with running(tmp_path, retention_days=30) as tree:
        codes = []
        for days, confirm in ((90, False), (0, False), (365, False), (365, True), (365, False), (364, False)):
            change = {"retention_days": days, "confirm": confirm}
            codes.append((await tree.request("PUT", "/api/config", json=change)).status_code)
        assert codes == [200, 200, 400, 200, 200, 400]


async def test_the_api_token_guards_everything_but_the_probes(tmp_path: Path) -> None:
    names = ["health", "stats", "events/recent", "config", "gaps", "quarantine", "backfill", "audit"]
    paths = [*(f"/api/{name}" for name in names), "/health", "/metrics"]
    async with running(tmp_path, api_token="the-api-token") as tree:  # noqa: S106  it opens nothing
        await tree.heard.wait(facts.SessionOpened)
        codes = {}
        for given in (None, "Bearer wrong", "Bearer", "Bearer the-api-token"):
            headers = {"authorization": given} if given else {}
            codes[given] = [(await tree.request("GET", path, headers=headers)).status_code for path in paths]
        put = await tree.request("PUT", "/api/config", json={})
        posts = [
            await tree.request("POST", f"/api/{name}", json={}) for name in ("audit", "backfill", "quarantine/drop")
        ]
    assert codes[None] == codes["Bearer wrong"] == codes["Bearer"] == [401] * 8 + [200, 200]
    assert codes["Bearer the-api-token"] == [200] * 8 + [200, 200]
    assert (put.status_code, put.headers["www-authenticate"]) == (401, "Bearer")
    assert [post.status_code for post in posts] == [401] * 3


async def test_the_probe_is_unhealthy_with_reasons(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite3").write_bytes(b"this is no database, but long enough" * 50)
    async with running(tmp_path, ha_url=f"http://127.0.0.1:{free_port()}") as tree:
        await tree.heard.wait(facts.HomePaused, seconds=5)
        await tree.heard.wait(facts.StoreFailed, seconds=5)
        probe, health = await tree.get("/health"), (await tree.get("/api/health")).json()
    assert (probe.status_code, probe.json()["status"]) == (503, "unhealthy")
    problems = probe.json()["problems"]
    assert problems["websocket_client"].startswith("paused: ")
    assert all("is damaged" in problems[part] and "move it away" in problems[part] for part in problems)
    assert health["service_status"] == {
        "websocket_client": "unhealthy",
        "enrichment_service": "healthy",
        "influxdb": "unhealthy",
        "weather_api": "unhealthy",
    }


async def test_an_audit_is_begun_joined_and_told_to_its_end(tmp_path: Path) -> None:
    async with healthy(tmp_path, changes=10) as tree:
        span = {"from": "2026-01-01T00:00:00Z"}
        wrong = [{}, {"from": "2026-01-01"}, span | {"to": "2025-01-01T00:00:00Z"}, span | {"until": 1}]
        refused = [await tree.request("POST", "/api/audit", json=body) for body in wrong]
        assert [answer.status_code for answer in refused] == [400] * 4
        begun = (await tree.request("POST", "/api/audit", json=span)).json()
        joined = (await tree.request("POST", "/api/audit", json=span)).json()
        other = await tree.request("POST", "/api/audit", json={"from": "2026-01-02T00:00:00Z"})
        assert (begun["state"], joined["id"], other.status_code) == ("running", begun["id"], 409)
        await tree.heard.wait(facts.AuditDone, seconds=20)
        [ended] = (await tree.get("/api/audit")).json()
        assert AuditJob(**ended).model_dump(mode="json", by_alias=True) == ended
        assert (ended["id"], ended["state"], ended["share"], ended["detail"]) == (begun["id"], "done", 1.0, "")
