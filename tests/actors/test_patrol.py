"""The audit at intervals: it goes on whatever a single one meets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio
from trio.testing import MockClock

from ingestor.audit.comparison import Audited
from ingestor.audit.patrol import FIRST_SECONDS, INTERVAL_SECONDS, RETRY_SECONDS, AuditPatrol
from ingestor.errors import Unavailable
from metrics import facts
from tests.actors.heard import Heard


class Scripted:
    """An auditor whose first audit can not be done; it keeps the times of all."""

    def __init__(self) -> None:
        self.at: list[float] = []

    async def audit(self, from_us: int, to_us: int, progress: Callable[[float], None] = print) -> Audited:
        del progress
        assert to_us - from_us == 86_400 * 10**6
        self.at.append(trio.current_time())
        if len(self.at) == 1:
            raise Unavailable("the store has not confirmed yet everything", code="pending")
        return Audited(compared=7, refilled=2, accounted=1)


async def test_it_audits_the_last_day_at_intervals_and_tries_again_sooner_after_a_failure(
    autojump_clock: MockClock,
) -> None:
    auditor: Any = Scripted()
    heard, began = Heard(), trio.current_time()
    with trio.move_on_after(FIRST_SECONDS + RETRY_SECONDS + INTERVAL_SECONDS + 1):
        await AuditPatrol("home", auditor, heard).run()
    due = [FIRST_SECONDS, FIRST_SECONDS + RETRY_SECONDS, FIRST_SECONDS + RETRY_SECONDS + INTERVAL_SECONDS]
    assert [at - began for at in auditor.at] == due
    assert [fact.code for fact in heard.of(facts.AuditFailed)] == ["pending"]
    assert [(fact.compared, fact.refilled, fact.accounted) for fact in heard.of(facts.AuditDone)] == [(7, 2, 1)] * 2
