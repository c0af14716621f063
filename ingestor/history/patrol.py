"""The actor that audits: at intervals, and what a user asks for."""

from __future__ import annotations

import time
from collections.abc import Callable

import trio
from msgspec.structs import replace

from ingestor.history.asked import AskedAudit, AskedAudits
from ingestor.history.auditor import DAY_US, Auditor
from ingestor.history.comparison import Audited
from ingestor.model.errors import IngestorError
from metrics import facts
from supervisors import Progress

FIRST_SECONDS = 600.0  # after the start, when gaps have been refilled
INTERVAL_SECONDS = 6 * 3600.0
RETRY_SECONDS = 600.0
CUT_SHORT = "it was cut short; the log says by what"


class AuditPatrol:
    """Audits the last day every six hours: so a tail that a restart left unproven is compared soon, and again.

    What is asked for comes first; an audit that is under way is not interrupted for it.
    """

    def __init__(
        self,
        home: str,
        auditor: Auditor,
        asked: AskedAudits,
        report: facts.Report,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.progress = Progress()
        self._home = home
        self._auditor = auditor
        self._asked = asked
        self._report = report
        self._clock_ns = clock_ns

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Audit until cancelled. Of its own audits one that cannot be done is tried again."""
        task_status.started()
        due = trio.current_time() + FIRST_SECONDS
        while True:
            begun = self._asked.begun
            if (asked := self._asked.running(self._home)) is not None:
                await self._work_off(asked)
            elif trio.current_time() >= due:
                due = trio.current_time() + await self._audit_last_day()
            else:
                with trio.move_on_at(due):
                    await begun.wait()

    async def _audit_last_day(self) -> float:
        now_us = self._clock_ns() // 1000
        try:
            self._done(await self._auditor.audit(now_us - DAY_US, now_us, self._got_on))
        except IngestorError as error:
            self._failed(error, RETRY_SECONDS)
            return RETRY_SECONDS
        return INTERVAL_SECONDS

    async def _work_off(self, asked: AskedAudit) -> None:
        """Do one that was asked for; it fails whatever cuts it short, so that nobody waits for it in vain."""

        def told(share: float, found: Audited) -> None:
            self._got_on(share, found)
            self._asked.tell(replace(asked, share=share, found=found))

        ended = replace(asked, state="failed", detail=CUT_SHORT)
        try:
            found = await self._auditor.audit(asked.from_us, asked.to_us, told)
            ended = replace(asked, state="done", share=1.0, found=found)
            self._done(found)
        except IngestorError as error:
            ended = replace(asked, state="failed", detail=str(error))
            self._failed(error, None)
        finally:
            self._asked.tell(ended)

    def _got_on(self, _share: float, _found: Audited) -> None:
        self.progress.report()

    def _done(self, found: Audited) -> None:
        self.progress.report()
        self._report(
            facts.AuditDone(
                home=self._home, compared=found.compared, refilled=found.refilled, accounted=found.accounted
            )
        )

    def _failed(self, error: IngestorError, retry_seconds: float | None) -> None:
        self._report(
            facts.AuditFailed(home=self._home, code=error.code, detail=str(error), retry_seconds=retry_seconds)
        )
