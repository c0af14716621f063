"""The audit at intervals: it goes on whatever a single one meets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from trio.testing import MockClock

from ingestor.history.asked import KEPT, AskedAudits
from ingestor.history.comparison import Audited
from ingestor.history.patrol import CUT_SHORT, FIRST_SECONDS, INTERVAL_SECONDS, RETRY_SECONDS, AuditPatrol
from ingestor.model.errors import Unavailable
from metrics import facts
from metrics.codes import ErrorCode
from tests.actors.heard import Heard


class Scripted:
    """An auditor whose first audit cannot be done; it keeps the times of all."""

    def __init__(self) -> None:
        self.at: list[float] = []

    async def audit(self, from_us: int, to_us: int, told: Callable[[float, Audited], None] = print) -> Audited:
        told(0.5, Audited(compared=3))
        assert to_us - from_us == 86_400 * 10**6
        self.at.append(trio.current_time())
        if len(self.at) == 1:
            raise Unavailable("the store has not confirmed yet everything", code=ErrorCode.PENDING)
        return Audited(compared=7, refilled=2, accounted=1)


async def test_it_audits_the_last_day_at_intervals_and_tries_again_sooner_after_a_failure(
    autojump_clock: MockClock,
) -> None:
    auditor: Any = Scripted()
    heard, began = Heard(), trio.current_time()
    with trio.move_on_after(FIRST_SECONDS + RETRY_SECONDS + INTERVAL_SECONDS + 1):
        await AuditPatrol("home", auditor, AskedAudits(), heard).run()
    due = [FIRST_SECONDS, FIRST_SECONDS + RETRY_SECONDS, FIRST_SECONDS + RETRY_SECONDS + INTERVAL_SECONDS]
    assert [at - began for at in auditor.at] == due
    assert [fact.code for fact in heard.of(facts.AuditFailed)] == ["pending"]
    assert [(fact.compared, fact.refilled, fact.accounted) for fact in heard.of(facts.AuditDone)] == [(7, 2, 1)] * 2


class Slow:
    """An auditor that does what it is told, one span after the other; `ends` has how."""

    def __init__(self, *ends: Exception | Audited) -> None:
        self.spans: list[tuple[int, int]] = []
        self._ends = list(ends)

    async def audit(self, from_us: int, to_us: int, told: Callable[[float, Audited], None]) -> Audited:
        self.spans.append((from_us, to_us))
        told(0.5, Audited(compared=3))
        await trio.sleep(5)
        end = self._ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


async def test_what_is_asked_for_is_done_at_once_joined_and_told(autojump_clock: MockClock) -> None:
    auditor: Any = Slow(Audited(compared=7, refilled=2), Unavailable("a gap is still open", code=ErrorCode.PENDING))
    heard, asked = Heard(), AskedAudits()
    async with trio.open_nursery() as nursery:
        await nursery.start(AuditPatrol("home", auditor, asked, heard).run)
        first = asked.ask("home", 1, None, 9)
        await trio.sleep(1)
        assert first is not None
        assert (
            asked.ask("home", 1, None, 10)
            == asked.ask("home", 1, 9, 10)
            == replace(first, share=0.5, found=Audited(compared=3))
        )
        assert asked.ask("home", 2, None, 10) is None
        await trio.sleep(5)
        asked.ask("home", 1, 9, 10)
        await trio.sleep(6)
        nursery.cancel_scope.cancel()
    assert auditor.spans == [(1, 9), (1, 9)]
    assert [(one.id, one.state, one.detail, one.found.refilled) for one in asked.read()] == [
        (2, "failed", "a gap is still open", 0),
        (1, "done", "", 2),
    ]
    assert [fact.retry_seconds for fact in heard.of(facts.AuditFailed)] == [None]
    assert [fact.refilled for fact in heard.of(facts.AuditDone)] == [2]


async def test_one_that_crashes_has_failed_and_is_not_begun_again(autojump_clock: MockClock) -> None:
    auditor: Any = Slow(ValueError("a bug"))
    asked = AskedAudits()
    patrol = AuditPatrol("home", auditor, asked, Heard())
    asked.ask("home", 1, 9, 10)
    with pytest.raises(ValueError, match="a bug"):
        await patrol.run()
    with trio.move_on_after(10):
        await patrol.run()
    assert [(one.state, one.detail) for one in asked.read()] == [("failed", CUT_SHORT)]
    assert auditor.spans == [(1, 9)]


def test_homes_do_not_wait_for_each_other_and_share_the_ids() -> None:
    asked = AskedAudits()
    begun = [asked.ask(home, 1, 9, 10) for home in ("attic", "barn", "attic", "barn")]
    assert [one and (one.id, one.home) for one in begun] == [(1, "attic"), (2, "barn")] * 2
    assert asked.ask("attic", 2, 9, 10) is None
    assert [one.home for one in asked.read()] == ["barn", "attic"]


def test_one_that_is_under_way_is_remembered_however_many_come_after_it() -> None:
    asked = AskedAudits()
    slow = asked.ask("attic", 1, 9, 10)
    for number in range(KEPT + 4):
        begun = asked.ask("barn", number, 100, 100)
        assert begun is not None
        asked.tell(replace(begun, state="done"))
    assert len(asked.read()) == KEPT
    assert asked.running("attic") == slow


def test_only_the_newest_are_remembered() -> None:
    asked = AskedAudits()
    for number in range(1, KEPT + 4):
        begun = asked.ask("home", number, 100, 100)
        assert begun is not None
        asked.tell(replace(begun, state="done"))
    assert [one.id for one in asked.read()] == list(range(KEPT + 3, 3, -1))
