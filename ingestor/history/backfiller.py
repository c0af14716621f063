"""The actor that works off backfills beside the live events; one that a crash or a kill cut short goes on by itself.

It begins with a look at whether something was lost that a backfill has to bring back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
from msgspec.structs import replace

from ingestor.history.backfill import Backfill, Backfilling
from ingestor.history.jobs import Job
from ingestor.homeassistant.recorder import Refused
from ingestor.model.errors import CredentialsRefused, IngestorError
from ingestor.model.gaps import GapFound
from metrics import facts
from metrics.codes import GapCause, GapState, WarningCode
from supervisors import Progress

RETRY_SECONDS = 10.0
REFUSED_SECONDS = 60.0


class Backfiller:
    """Works for one home. Whoever is away is waited for; a recorder that refuses ends what the user asked for."""

    def __init__(
        self,
        home: str,
        backfilling: Backfilling,
        report: facts.Report,
        look: Callable[[], Awaitable[None]],
    ) -> None:
        self.progress = Progress()
        self._home = home
        self._jobs = backfilling.jobs
        self._ledger = backfilling.auditing.ledger
        self._backfill = Backfill(backfilling)
        self._report = report
        self._look = look

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work off what is asked for, until cancelled."""
        task_status.started()
        looked = False
        while True:
            begun = self._jobs.begun
            try:
                if not looked:
                    await self._look()
                    looked = True
                job = await self._jobs.running(self._home)
                if job is None:
                    await begun.wait()
                else:
                    await self._work_off(job)
            except IngestorError as error:
                self._report(facts.Warned(code=WarningCode.BACKFILL, detail=f"the backfill waits: {error}"))
                await trio.sleep(REFUSED_SECONDS if isinstance(error, (Refused, CredentialsRefused)) else RETRY_SECONDS)

    async def _work_off(self, job: Job) -> None:
        try:
            job = await self._backfill.run(job, lambda _job: self.progress.report())
        except (Refused, CredentialsRefused) as refusal:
            if job.cause:
                raise  # what was lost is wanted back, however long it takes
            job = replace(await self._jobs.find(job.id), state="failed", detail=str(refusal))
            await self._jobs.save(job)
        if job.cause and (job.imported or job.cause != GapCause.CLOCK_SET_BACK):  # a clock may only seem to have been
            await self._note(job)
        self._report(
            facts.BackfillEnded(
                home=job.home, state=job.state, imported=job.imported, statistics=job.statistics, detail=job.detail
            )
        )

    async def _note(self, job: Job) -> None:
        """Write into the ledger what a loss of the store or of our own files has cost."""
        name = f"{job.home}:{job.id}:{job.cause}"
        found_ns = job.to_us * 1000
        detail = f"{job.compared} changes compared"
        gap = GapFound(gap=name, home=job.home, cause=job.cause, detail=detail, from_us=job.from_us, found_ns=found_ns)
        await self._ledger.record([gap])
        await self._ledger.close(name, closed=[], listed={}, refilled=job.imported)
        await self._ledger.settle(name, GapState.TAIL_UNPROVEN if job.detail else GapState.FILLED, job.detail)
