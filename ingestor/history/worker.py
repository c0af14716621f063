"""The actor that works off a home's jobs, beside the live events and one at a time; the periodic audit is one of them.

A job that is under way makes room for others after a minute: it waits, and goes on from its cursor when it is its turn.
A job that cannot be done now waits, for longer and longer, while others are done. What ends it is in this table:

                        whoever is away              a refusal           a crash
    audit               ends it; one that was begun  ends it             ends it, when it crashes again and again
                        before, or by an earlier     (the periodic one   without getting on
                        process, waits               is tried again)
    backfill            it waits                     ends it             the same
    loss, clock         it waits                     it waits            the same

At its start it looks whether something was lost that has to be brought back.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random

import trio
from msgspec.structs import replace

from ingestor.history.audit import Audit
from ingestor.history.holdings import DAY_US
from ingestor.history.ledger import Ledger
from ingestor.history.pace import Pace
from ingestor.history.work import PERIODIC, UNFINISHED, Job, JobState, new_job
from ingestor.homeassistant.recorder import Refused
from ingestor.model import instants
from ingestor.model.backoff import Delays
from ingestor.model.errors import CredentialsRefused, IngestorError
from ingestor.model.gaps import GapFound
from metrics import facts
from metrics.codes import GapCause, GapState, JobKind, WarningCode
from supervisors import Backoff, Progress

FIRST_SECONDS = 600.0  # until the first periodic audit, when gaps have been refilled
INTERVAL_SECONDS = 6 * 3600.0
AGAIN_SECONDS = 600.0  # until a periodic audit that failed is tried again
TURN_SECONDS = 60.0
LOOK_SECONDS = 30.0
CRASHES = 3  # without getting on
BACKOFF = Backoff(initial_seconds=2.0, maximum_seconds=60.0, jitter=0.0)
DELAYS: Mapping[type[IngestorError], float] = {Refused: 60.0, CredentialsRefused: 60.0}
FOUND = "an audit found changes that the store did not have"
CRASHED = "crash"
CUT_SHORT = "it crashed again and again; the log says how"


class Worker:
    """Works for one home. `look` notices what was lost, and raises `Unavailable` while it cannot."""

    def __init__(
        self,
        audit: Audit,
        ledger: Ledger,
        report: facts.Report,
        look: Callable[[], Awaitable[None]],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.progress = Progress()
        self._audit = audit
        self._home = audit.home
        self._jobs = audit.jobs
        self._ledger = ledger
        self._report = report
        self._look = look
        self._clock_ns = clock_ns
        self._waits: dict[int, Delays] = {}
        self._due: dict[int, float] = {}
        self._turns: dict[int, float] = {}
        self._paces: dict[int, Pace] = {}
        self._begun: set[int] = set()
        self._has_resumed = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work jobs off until cancelled."""
        task_status.started()
        looked = False
        audit_at = trio.current_time() + FIRST_SECONDS
        while True:
            changed, wake_at = self._jobs.changed.next, audit_at
            try:
                looked = looked or await self._has_looked()
                if trio.current_time() >= audit_at:
                    await self._begin_periodic()
                    audit_at = trio.current_time() + INTERVAL_SECONDS
                due, due_at = await self._due_jobs()
                if due:
                    ended = await self.work_off(due[0], others=_anything(due, due_at, changed))
                    if ended.cause == PERIODIC and ended.state is JobState.FAILED:
                        audit_at = trio.current_time() + AGAIN_SECONDS
                    continue
                wake_at = min(audit_at, due_at)
            except IngestorError as error:
                wake_at = trio.current_time() + BACKOFF.maximum_seconds
                self._warn(f"jobs wait: {error}")
            if not looked:
                wake_at = min(wake_at, trio.current_time() + LOOK_SECONDS)
            with trio.move_on_at(wake_at):
                await changed.wait()

    async def _has_looked(self) -> bool:
        try:
            with trio.move_on_after(LOOK_SECONDS):
                await self._look()
                return True
        except IngestorError as error:
            self._warn(f"whether something was lost is not known yet: {error}")
        return False

    async def _begin_periodic(self) -> None:
        if not any(job.cause == PERIODIC for job in await self._jobs.unfinished(self._home)):
            now_us = self._clock_ns() // 1000
            await self._jobs.add(new_job(self._home, JobKind.AUDIT, (now_us - DAY_US, now_us), PERIODIC))

    async def _due_jobs(self) -> tuple[list[Job], float]:
        """Return the jobs that can be done, the one whose turn it is first, and when another one is due."""
        unfinished = await self._jobs.unfinished(self._home)
        if not self._has_resumed:
            self._begun, self._has_resumed = {job.id for job in unfinished}, True
        now = trio.current_time()
        due = [job for job in unfinished if self._due.get(job.id, now) <= now]
        due.sort(key=lambda job: (self._turns.get(job.id, -1.0), job.id))
        later = (self._due[job.id] for job in unfinished if job not in due)
        return due, min(later, default=float("inf"))

    async def work_off(
        self, job: Job, told: Callable[[Job], None] = lambda _job: None, others: Callable[[], bool] = lambda: False
    ) -> Job:
        """Work a job off until it has ended, has to wait, or `others` wait; return how it stands then.

        `told` hears how far it is. Raises `Unavailable` when it cannot be saved.
        """
        began = trio.current_time()
        self._turns[job.id] = began
        pace = self._paces.setdefault(job.id, Pace())

        def goes_on(now: Job) -> bool:
            nonlocal job
            job = replace(now, crashes=0, code="", state=JobState.RUNNING)
            self.progress.report()
            told(job)
            if pace.is_due():
                self._tell_share(job)
            return trio.current_time() - began < TURN_SECONDS or not others()

        with self._jobs.worked_off(job) as scope:
            job = replace(job, state=JobState.RUNNING, code="", reason="" if job.code else job.reason)
            await self._jobs.save(job)
            try:
                job = await self._audit.run(job, goes_on)
                self._begun.add(job.id)
            except IngestorError as error:
                job = self._failed(job, error)
            except Exception:
                await self._jobs.save(_crashed(job))
                raise
            await self._keep(job)
        if scope.cancelled_caught:
            job = replace(job, state=JobState.CANCELLED)
        if job.state not in UNFINISHED:
            self._tell_end(job)
        return job

    def _failed(self, job: Job, error: IngestorError) -> Job:
        """Return the job as it stands behind an error."""
        refused = isinstance(error, (Refused, CredentialsRefused))
        is_audit = job.kind is JobKind.AUDIT
        ends = (is_audit and (refused or job.id not in self._begun)) or (job.kind is JobKind.BACKFILL and refused)
        if is_audit:
            again = AGAIN_SECONDS if job.cause == PERIODIC and ends else None
            self._report(facts.AuditFailed(home=job.home, code=error.code, detail=str(error), retry_seconds=again))
        elif not ends:
            self._warn(f"the {job.kind} {job.id} waits: {error}")
        if not ends:
            delays = self._waits.setdefault(job.id, Delays(BACKOFF, Random(), DELAYS))  # noqa: S311  there is no jitter
            self._due[job.id] = trio.current_time() + delays.after(error)
        return replace(job, state=JobState.FAILED if ends else JobState.WAITING, code=error.code, reason=str(error))

    async def _keep(self, job: Job) -> None:
        """Keep how a job stands; of one that has come to its end the ledger is told before."""
        fills = job.kind is not JobKind.BACKFILL  # which brings what was never promised
        if job.state is JobState.DONE and fills and (job.imported or job.kind is JobKind.LOSS):
            await self._ledger.tell(*_outcome(job))
        await self._jobs.save(job)

    def _tell_share(self, job: Job) -> None:
        share_percent, imported = int(100 * job.share), job.imported + job.statistics
        self._report(facts.WorkProgressed(home=job.home, work=job.kind, share_percent=share_percent, imported=imported))

    def _tell_end(self, job: Job) -> None:
        for kept in (self._waits, self._due, self._turns, self._paces):
            kept.pop(job.id, None)
        self._begun.discard(job.id)
        self.progress.report()
        self._report(facts.JobEnded(home=job.home, kind=job.kind, state=job.state, job=job.id, reason=job.reason))
        if job.kind is not JobKind.AUDIT:
            self._report(
                facts.BackfillEnded(
                    home=job.home, state=job.state, imported=job.imported, statistics=job.statistics, detail=job.reason
                )
            )
        elif job.state is JobState.DONE:
            self._report(
                facts.AuditDone(home=job.home, compared=job.compared, refilled=job.imported, accounted=job.accounted)
            )

    def _warn(self, detail: str) -> None:
        self._report(facts.Warned(code=WarningCode.BACKFILL, detail=detail))


def _anything(due: Sequence[Job], due_at: float, changed: trio.Event) -> Callable[[], bool]:
    """Return what says whether another job than the first can be done by now, or may be."""
    return lambda: len(due) > 1 or trio.current_time() >= due_at or changed.is_set()


def _crashed(job: Job) -> Job:
    """Return a job that has crashed: it goes on with the next start, unless it does so again and again."""
    if job.crashes + 1 < CRASHES:
        return replace(job, crashes=job.crashes + 1)
    return replace(job, state=JobState.FAILED, code=CRASHED, reason=CUT_SHORT)


def _outcome(job: Job) -> tuple[GapFound, GapState, str, int]:
    """Return what the ledger has to know of a job that has come to its end."""
    cause = GapCause.AUDIT if job.kind is JobKind.AUDIT else job.cause
    gap = GapFound(
        gap=f"{job.home}:{job.id}:{cause}",
        home=job.home,
        cause=cause,
        detail=f"{job.compared} changes compared",
        from_us=job.from_us,
        found_ns=instants.to_ns(job.to_us),
    )
    reason = FOUND if job.kind is JobKind.AUDIT else job.reason
    is_proven = job.kind is JobKind.AUDIT or not job.reason
    return gap, GapState.FILLED if is_proven else GapState.TAIL_UNPROVEN, reason, job.imported
