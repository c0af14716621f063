"""A home that is left alone for want of room: what came is kept, the socket closes in order, and comes back."""

from __future__ import annotations

import trio

from ingestor.storage.valve import Valve
from metrics import facts
from tests.actors.homes import Rig, running, serving, simulated


async def test_a_closed_valve_ends_the_session_in_order_and_an_open_one_begins_another() -> None:
    server = simulated()
    async with serving(server), running(Rig(server.url)) as rig:
        await rig.heard.wait(facts.SessionOpened)
        server.make_changes(500)
        rig.valve.close("spool_full", "the spool holds all it may")
        closed = await rig.heard.wait(facts.SessionClosed, seconds=5)
        paused = await rig.heard.wait(facts.HomePaused, seconds=5)
        await trio.sleep(0.1)
        assert (server.clients, rig.events()) == (0, 500)
        assert (closed.code, closed.detail) == ("paused", "the spool holds all it may")
        assert (paused.code, paused.detail) == ("spool_full", "the spool holds all it may")
        rig.valve.open("spool_full")
        await rig.heard.wait(facts.HomeResumed, seconds=5)
        await rig.heard.wait(facts.SessionOpened, 2, seconds=10)
        server.make_changes(1)
        await trio.sleep(0.2)
        assert rig.events() == 501


async def test_a_home_does_not_connect_while_there_is_no_room_and_a_drain_ends_the_pause() -> None:
    server = simulated()
    rig = Rig(server.url)
    rig.valve.close("disk_full", "the disk is full")
    async with serving(server), running(rig):
        await rig.heard.wait(facts.HomePaused, seconds=5)
        rig.connection.drain()
        with trio.fail_after(5):
            await rig.ended.wait()
    assert rig.heard.of(facts.SessionOpened) == []


async def test_a_valve_is_open_once_every_reason_is_gone() -> None:
    valve = Valve()
    valve.close("spool_full", "full")
    valve.close("disk_full", "full too")
    valve.open("spool_full")
    assert valve.reasons == {"disk_full": "full too"}
    with trio.fail_after(1):
        await valve.wait_closed()
        valve.open("disk_full")
        valve.open("never closed")
        await valve.wait_open()
