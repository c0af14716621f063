"""What a job is: a span of time of one home that is compared with its recorder. Pure.

    kind        begun by                          what is compared
    audit       a user; every six hours, periodic what was promised: since the first start
    backfill    a user                            everything, statistics too, also what was never promised
    loss        a spool, state or store that is   everything since the first start, statistics too
                gone, or was replaced
    clock       a clock that was set back         changes whose times lie before the step

    waiting ──> running ──> done
       │  ^────────┘ └────> failed, with a code and a reason
       └─────────────┴────> cancelled: by a user, or because a later job covers it

A job that waits is begun or goes on by itself, from its cursor. What ended is kept for a while.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from ingestor.model import instants
from ingestor.model.advice import heals
from metrics.codes import JobKind

MARGIN_US = 86_400 * instants.SECOND_US  # what is asked for before and behind a span has to have a place, too
EARLIEST_US = instants.FIRST_US + MARGIN_US
LATEST_US = instants.LAST_US - MARGIN_US


class JobState(StrEnum):
    """How a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


UNFINISHED = (JobState.WAITING, JobState.RUNNING)
PERIODIC = "periodic"
"""The cause of the audits that the service does by itself; where it is empty, a user asked for the job."""


class Job(Struct, frozen=True, kw_only=True):
    """A job. `compared` states and hours were found in the recorder; those `imported` were not in the store.

    `accounted` lie in the quarantine instead. A window that a crash cuts off is compared again: what of it was kept by
    then is not among the `imported`.
    States are compared until `cursor_us`, then `statistics` (hours, those imported) until `hours_us`. `code` and
    `reason` say why it waits or has ended, or what it found strange; `crashes` how often it did without getting on.
    """

    id: int = 0
    home: str
    kind: JobKind
    cause: str = ""
    from_us: int
    to_us: int
    cursor_us: int
    hours_us: int
    state: JobState = JobState.WAITING
    code: str = ""
    reason: str = ""
    crashes: int = 0
    compared: int = 0
    imported: int = 0
    accounted: int = 0
    statistics: int = 0

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.state == JobState.DONE:
            return 1.0
        length_us = max(self.to_us - self.from_us, 1)
        shares = [(self.cursor_us - self.from_us) / length_us]
        if self.wants_statistics:
            shares.append((self.hours_us - self.from_us) / length_us)
        return min(max(sum(shares) / len(shares), 0.0), 1.0)

    @property
    def wants_statistics(self) -> bool:
        """Whether long-term statistics are compared, too."""
        return self.kind in {JobKind.BACKFILL, JobKind.LOSS}

    @property
    def is_of_user(self) -> bool:
        """Whether a user asked for it."""
        return not self.cause

    def covers(self, other: Job) -> bool:
        """Return whether everything that another job compares is compared by this one."""
        alike = (self.home, self.kind) == (other.home, other.kind)
        return alike and self.from_us <= other.from_us and self.to_us >= other.to_us


def new_job(home: str, kind: JobKind, span: tuple[int, int], cause: str = "") -> Job:
    """Return a job that is to be begun; what a clock has far off is brought within reach."""
    from_us, to_us = (min(max(at_us, EARLIEST_US), LATEST_US) for at_us in span)
    return Job(home=home, kind=kind, cause=cause, from_us=from_us, to_us=to_us, cursor_us=from_us, hours_us=from_us)


def unfinished(code: str) -> int:
    """Return the exit code for a job that did not come to its end: 1 when another try may, 2 when the user must act."""
    return 1 if heals(code) else 2
