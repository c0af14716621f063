"""The connection against a simulated home on loopback, by a clock that jumps over the waiting."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from ingestor.homeassistant.endpoint import MAXIMUM_MESSAGE_BYTES
from ingestor.homeassistant.session import Phase
from ingestor.live.connection import GATHER_SECONDS, SETTLING_SECONDS, _Life
from ingestor.live.frames import Frame
from ingestor.live.reconnect import BACKOFF
from metrics import facts
from tests.actors.homes import Rig, Wire, listening, running, serving, simulated
from tests.servers.processes import free_port


@pytest.fixture
def clock() -> MockClock:
    """Jump once loopback has been silent for ten real milliseconds."""
    return MockClock(autojump_threshold=0.01)


async def test_it_subscribes_anew_on_every_connection(clock: MockClock) -> None:
    server = simulated()
    async with serving(server) as nursery, running(Rig(server.url)) as rig:
        for session in (1, 2, 3):
            await rig.heard.wait(facts.SessionOpened, session)
            server.make_changes(50)
            await trio.sleep(1)
            server.stop()
            await rig.heard.wait(facts.SessionClosed, session)
            await trio.sleep(1)
            await nursery.start(server.run)
        assert rig.events() == 150
        assert [closed.code for closed in rig.heard.of(facts.SessionClosed)] == ["closed"] * 3
        lives = [[f"session {n}", "asked states", f"frame {n}"] for n in (1, 2, 3)]
        assert rig.shape()[:9] == [word for life in lives for word in life]


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2024.2.5", "2024.3 is the oldest that was tried: update it"),
        ("2024.3.0", None),
        ("2026.11.4", None),
        ("2026.12.0b1", "2026.11 is the newest that was tried: is there a newer ingestor?"),
        ("2027.1.0.dev0", "2026.11 is the newest that was tried: is there a newer ingestor?"),
        ("", None),
    ],
)
async def test_a_version_that_was_not_tried_is_served_and_warned_of_once(
    clock: MockClock, version: str, said: str | None
) -> None:
    server = simulated()
    server.home.version = version
    async with serving(server) as nursery, running(Rig(server.url)) as rig:
        await rig.heard.wait(facts.SessionOpened)
        server.stop()
        await rig.heard.wait(facts.SessionClosed)
        await nursery.start(server.run)
        await rig.heard.wait(facts.SessionOpened, 2)
    warned = [f"home runs Home Assistant {version}, but {said}"] if said else []
    assert [one.detail for one in rig.heard.of(facts.Warned)] == warned


async def test_a_wrong_token_is_tried_again_after_fifteen_minutes(clock: MockClock) -> None:
    server = simulated()
    async with serving(server), running(Rig(server.url, token="wrong-token-of-a-user")) as rig:  # noqa: S106  it opens nothing
        failed = await rig.heard.wait(facts.ConnectFailed, 2)
    first, second = rig.heard.times(facts.ConnectFailed)
    assert round(second - first) == 900
    assert (failed.code, failed.retry_seconds) == ("credentials_refused", 900)
    assert failed.detail == "Home Assistant refused HA_TOKEN: Invalid access token or password"


async def test_a_token_that_changes_is_tried_at_once(clock: MockClock) -> None:
    server = simulated()
    async with serving(server), running(Rig(server.url, token="old-token")) as rig:  # noqa: S106  it opens nothing
        await rig.heard.wait(facts.ConnectFailed)
        await trio.sleep(60)
        began, rig.token = trio.current_time(), "token-of-the-simulated-home"
        await rig.heard.wait(facts.SessionOpened)
        assert trio.current_time() - began < 6


@pytest.mark.parametrize("after_seconds", [0.1, 5.0, 9.9])
async def test_a_dead_peer_is_found_within_half_a_minute(clock: MockClock, after_seconds: float) -> None:
    server = simulated()
    async with serving(server):
        wire = Wire(server.port)
        async with listening(wire) as url, running(Rig(url)) as rig:
            await rig.heard.wait(facts.SessionOpened)
            await trio.sleep(after_seconds)
            server.make_changes(1)
            await trio.sleep(0.01)
            died, wire.cut = trio.current_time(), True
            closed = await rig.heard.wait(facts.SessionClosed)
            assert trio.current_time() - died <= 30
    assert (closed.code, rig.events()) == ("ping_timeout", 1)


async def test_garbage_below_the_frames_ends_the_session_and_a_new_one_begins(clock: MockClock) -> None:
    server = simulated()
    async with serving(server):
        wire = Wire(server.port)
        async with listening(wire) as url, running(Rig(url)) as rig:
            await rig.heard.wait(facts.SessionOpened)
            await trio.sleep(1)
            await wire.near[0].send_all(b"\xff" * 100)
            closed = await rig.heard.wait(facts.SessionClosed)
            await rig.heard.wait(facts.SessionOpened, 2)
    assert closed.code == "closed"


async def test_a_home_that_answers_pings_is_kept_however_quiet_it_is(clock: MockClock) -> None:
    server = simulated()
    async with serving(server), running(Rig(server.url)) as rig:
        await rig.heard.wait(facts.SessionOpened)
        await trio.sleep(600)
        server.mute = True
        await rig.heard.wait(facts.SessionClosed, seconds=30)
    assert len(rig.heard.of(facts.SessionOpened)) == 1


async def test_an_unreachable_home_is_tried_with_growing_delays_and_jitter(clock: MockClock) -> None:
    async with running(Rig(f"http://127.0.0.1:{free_port()}")) as rig:
        await rig.heard.wait(facts.ConnectFailed, 12)
    delays = [failed.retry_seconds for failed in rig.heard.of(facts.ConnectFailed)]
    ceilings = [min(BACKOFF.maximum_seconds, BACKOFF.initial_seconds * 2**n) for n in range(12)]
    assert all(top / 2 <= delay <= top for delay, top in zip(delays, ceilings, strict=True))
    assert len(set(delays)) == 12
    waited = [later - earlier for earlier, later in pairwise(rig.heard.times(facts.ConnectFailed))]
    assert waited == pytest.approx(delays[:-1], abs=0.1)
    assert {failed.code for failed in rig.heard.of(facts.ConnectFailed)} == {"unreachable"}


async def test_garbage_frames_are_passed_on_and_binary_ones_counted(clock: MockClock) -> None:
    server = simulated()
    async with serving(server), running(Rig(server.url)) as rig:
        await rig.heard.wait(facts.SessionOpened)
        for garbage in ("{", "<html>", b"\xff\x00", "[" * 100_000, '{"type": "news"}'):
            server.send_raw(garbage)
        await trio.sleep(1)
        server.make_changes(3)
        await trio.sleep(1)
        assert (rig.events(), rig.heard.of(facts.SessionClosed)) == (3, [])
    assert [ignored.code for ignored in rig.heard.of(facts.MessageIgnored)] == ["malformed_frame"]


async def test_what_was_received_is_counted_in_bytes(clock: MockClock) -> None:
    server = simulated()
    async with serving(server), running(Rig(server.url)) as rig:
        await rig.heard.wait(facts.SessionOpened)
        server.send_raw('{"type": "pong", "message": "21 °C, ☀, 🜨"}')
        await trio.sleep(1)
        sizes = [len(message.text.encode()) for message in rig.received if isinstance(message, Frame)]
        received = rig.heard.of(facts.FramesReceived)
    assert sum(fact.frames for fact in received) == len(sizes)
    assert sum(fact.size_bytes for fact in received) == sum(sizes)


async def test_an_oversized_frame_ends_the_session_and_a_new_one_begins(clock: MockClock) -> None:
    server = simulated()
    async with serving(server), running(Rig(server.url)) as rig:
        await rig.heard.wait(facts.SessionOpened)
        server.send_raw("x" * (MAXIMUM_MESSAGE_BYTES + 1))
        closed = await rig.heard.wait(facts.SessionClosed)
        await rig.heard.wait(facts.SessionOpened, 2)
    assert (closed.code, closed.detail) == ("oversized_frame", "Home Assistant sent a message larger than 64 MiB")


async def test_stale_answers_are_asked_for_again(clock: MockClock) -> None:
    server = simulated()
    async with serving(server), running(Rig(server.url)) as rig:
        await rig.heard.wait(facts.SessionOpened)
        await rig.commands.send(["areas", "entities"])
        await trio.sleep(1)
        asked = [word for word in rig.shape() if word.startswith("asked")]
        assert asked == ["asked states", "asked areas", "asked entities"]


async def test_a_drain_takes_in_what_was_sent_and_ends_the_stream(clock: MockClock) -> None:
    server = simulated()
    async with serving(server), running(Rig(server.url)) as rig:
        await rig.heard.wait(facts.SessionOpened)
        server.make_changes(4000)
        rig.connection.drain()
        await rig.ended.wait()
        assert rig.events() == 4000
    assert [closed.code for closed in rig.heard.of(facts.SessionClosed)] == ["shutdown"]


@pytest.mark.parametrize("mute", [False, True])
async def test_a_drain_ends_within_two_seconds_wherever_it_meets_the_connection(
    clock: MockClock, *, mute: bool
) -> None:
    server = simulated()
    async with serving(server):
        server.mute = mute
        rigs = [Rig(server.url), Rig(f"http://127.0.0.1:{free_port()}"), Rig(server.url, token="wrong")]  # noqa: S106  the same
        for rig in rigs:
            async with running(rig):
                await trio.sleep(12)
                began = trio.current_time()
                rig.connection.drain()
                await rig.ended.wait()
                assert trio.current_time() - began < 2.1


async def test_no_frame_waits_before_a_session_has_settled_nor_at_its_farewell(clock: MockClock) -> None:
    life = _Life("token-of-the-simulated-home")
    pauses = [life.pause_seconds()]
    life.session.phase, life.live_since = Phase.LIVE, trio.current_time()
    pauses.append(life.pause_seconds())
    await trio.sleep(SETTLING_SECONDS)
    pauses.append(life.pause_seconds())
    life.session.leave()
    pauses.append(life.pause_seconds())
    assert pauses == [0, 0, GATHER_SECONDS, 0]
