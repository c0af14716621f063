"""A person is told in Home Assistant, and by a heartbeat that ends; what fails is told in the log, once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from pydantic import SecretStr
from trio.testing import MockClock

from ingestor.api.status import Problem, StatusBoard
from ingestor.assembly.telling import is_fresh
from ingestor.homeassistant import services
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.model.errors import CredentialsRefused, IngestorError, RemoteProtocolError, Unavailable
from ingestor.notification.heartbeat import Heartbeat
from ingestor.notification.notifier import Notifier
from metrics import facts
from metrics.codes import ErrorCode
from tests.actors.heard import Heard
from tests.actors.homes import TOKEN, serving, simulated
from tests.actors.trees import running

AWAY = Problem(code="no_answer", detail="no answer from InfluxDB")


@asynccontextmanager
async def cancelled_at_the_end(run: Any) -> AsyncGenerator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(run)
        yield
        nursery.cancel_scope.cancel()


async def test_a_problem_is_shown_and_taken_back_and_a_failure_told_once(autojump_clock: MockClock) -> None:
    del autojump_clock
    heard, problems, said = Heard(), {"database": AWAY}, []
    failures: list[IngestorError] = [Unavailable("away", code=ErrorCode.UNREACHABLE)] * 3
    failures += [CredentialsRefused("no"), CredentialsRefused("no")]

    async def call(calls: list[tuple[str, dict[str, Any]]]) -> None:
        await trio.lowlevel.checkpoint()
        if failures:
            raise failures.pop(0)
        said.extend([(trio.current_time(), service, data["notification_id"]) for service, data in calls])

    start = trio.current_time()
    notifier = Notifier("home", lambda: ("spool", "database"), lambda: problems, call, heard)
    async with cancelled_at_the_end(notifier.run):
        await trio.sleep(7200)
        problems.clear()
        await trio.sleep(10)
    assert [(service, number) for _, service, number in said] == [
        ("dismiss", "ingestor_home_spool"),
        ("create", "ingestor_home_database"),
        ("dismiss", "ingestor_home_database"),
    ]
    assert said[0][0] - start == 3 * 60 + 2 * 900  # a refused login is left alone for longer
    told = [fact.code for fact in heard.facts if isinstance(fact, facts.TellingFailed)]
    assert told == ["unreachable", "credentials_refused"]


async def test_a_home_shows_what_is_called_and_refuses_in_words() -> None:
    server = simulated()
    async with serving(server):
        endpoint = Endpoint(home="home", url=server.url, token=lambda: TOKEN)
        call = partial(services.call, endpoint, "persistent_notification")
        data = {"notification_id": "ingestor_home_database", "title": "Ingestor", "message": "away"}
        await call([("create", data)])
        assert server.home.notifications == {"ingestor_home_database": data}
        await call([("dismiss", {"notification_id": data["notification_id"]})] * 2)
        assert server.home.notifications == {}
        with pytest.raises(RemoteProtocolError, match="unknown_command"):
            await services.call(endpoint, "light", [("turn_on", {})])
        with pytest.raises(CredentialsRefused):
            await services.call(Endpoint(home="home", url=server.url, token=lambda: "wrong"), "light", [])


async def test_the_heartbeat_beats_while_all_is_well(tmp_path: Path) -> None:
    beats: list[bytes] = []

    async def answer(stream: trio.SocketStream) -> None:
        beats.append(await stream.receive_some())
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/secret-of-the-heartbeat"
        async with running(tmp_path, heartbeat_url=url, notify="home_assistant") as tree:
            await tree.heard.wait(facts.SessionOpened)
            tree.server.make_changes(10)
            await tree.settled()
            notified = await tree.heard.wait(facts.ProblemsNotified)
            assert (notified.shown, notified.dismissed > 0) == ([], True)
            heartbeat = Heartbeat(SecretStr(url), lambda: not tree.service.status.problems, tree.service.report)
            await tree.until(lambda: is_fresh(tree.service.status))
            async with cancelled_at_the_end(heartbeat.run):
                await tree.until(lambda: bool(beats))
            assert "secret-of-the-heartbeat" not in tree.log.getvalue()
        nursery.cancel_scope.cancel()
    assert beats[0].startswith(b"GET /secret-of-the-heartbeat ")


async def test_a_heartbeat_that_fails_is_told_once_and_without_its_address(autojump_clock: MockClock) -> None:
    del autojump_clock
    heard, fresh = Heard(), True
    heartbeat = Heartbeat(SecretStr("http://127.0.0.1:1/secret"), lambda: fresh, heard)
    async with cancelled_at_the_end(heartbeat.run):
        while not heard.facts:  # noqa: ASYNC110  what is waited for has no event of its own
            await trio.sleep(1)
    [failed] = heard.facts
    assert isinstance(failed, facts.TellingFailed)
    assert (failed.way, failed.code, "secret" in str(failed)) == ("heartbeat", "no_answer", False)


def test_data_is_not_fresh_while_it_waits_for_long() -> None:
    status = StatusBoard(("home",), lambda: 1000.0, weather_is_on=False)
    assert not is_fresh(status)
    status.store_problem = status.homes["home"].connection_problem = None
    assert is_fresh(status)
    status.pending, status.newest_stored_at = 5, 600.0
    assert not is_fresh(status)
    status.pending = 0
    assert is_fresh(status)
