"""What the service reports of itself: facts in the past tense. Only this package makes metrics and log lines of them.

A fact is one class, and is named once more in this file. It declares the `LEVEL` of its log line and the `METRICS` that
it moves, with their help, their labels and all values of these; the exporter, the log and docs/metrics.md follow. A
metric that several facts move stands before them. Every label is bounded: a home, a code, a child; never an entity.
"""

from __future__ import annotations

from collections.abc import Callable
from logging import INFO
from typing import TypeAlias

from metrics.balance import UNACCOUNTED
from metrics.declarations import Metric, Update
from metrics.declarations import ServiceEvent as ServiceEvent
from metrics.facts.gaps import AuditDone as AuditDone
from metrics.facts.gaps import AuditFailed as AuditFailed
from metrics.facts.gaps import BackfillEnded as BackfillEnded
from metrics.facts.gaps import CaptureMeasured as CaptureMeasured
from metrics.facts.gaps import EventsRefilled as EventsRefilled
from metrics.facts.gaps import GapSettled as GapSettled
from metrics.facts.gaps import GapsHeld as GapsHeld
from metrics.facts.gaps import GapsNoted as GapsNoted
from metrics.facts.gaps import IntervalsSettled as IntervalsSettled
from metrics.facts.gaps import JobEnded as JobEnded
from metrics.facts.gaps import RefillFailed as RefillFailed
from metrics.facts.gaps import RefillReady as RefillReady
from metrics.facts.gaps import WorkProgressed as WorkProgressed
from metrics.facts.home import ChangesReceived as ChangesReceived
from metrics.facts.home import ConnectFailed as ConnectFailed
from metrics.facts.home import EntitiesSelected as EntitiesSelected
from metrics.facts.home import EventSkipped as EventSkipped
from metrics.facts.home import EventsReceived as EventsReceived
from metrics.facts.home import FramesReceived as FramesReceived
from metrics.facts.home import HomePaused as HomePaused
from metrics.facts.home import HomeResumed as HomeResumed
from metrics.facts.home import MessageIgnored as MessageIgnored
from metrics.facts.home import SessionClosed as SessionClosed
from metrics.facts.home import SessionOpened as SessionOpened
from metrics.facts.service import SUPERVISION
from metrics.facts.service import BreakerChanged as BreakerChanged
from metrics.facts.service import ProblemsNotified as ProblemsNotified
from metrics.facts.service import ServiceMeasured as ServiceMeasured
from metrics.facts.service import ServiceStarted as ServiceStarted
from metrics.facts.service import ServiceStopped as ServiceStopped
from metrics.facts.service import ServiceStopping as ServiceStopping
from metrics.facts.service import TellingFailed as TellingFailed
from metrics.facts.service import Warned as Warned
from metrics.facts.service import WeatherFailed as WeatherFailed
from metrics.facts.service import WeatherUpdated as WeatherUpdated
from metrics.facts.storage import AttributesOmitted as AttributesOmitted
from metrics.facts.storage import BatchCommitted as BatchCommitted
from metrics.facts.storage import BatchWritten as BatchWritten
from metrics.facts.storage import CommitFailed as CommitFailed
from metrics.facts.storage import EventsHeld as EventsHeld
from metrics.facts.storage import EventsReplayed as EventsReplayed
from metrics.facts.storage import FileUpgraded as FileUpgraded
from metrics.facts.storage import LossesHeld as LossesHeld
from metrics.facts.storage import QuarantineFailed as QuarantineFailed
from metrics.facts.storage import QuarantineHeld as QuarantineHeld
from metrics.facts.storage import RecordsDropped as RecordsDropped
from metrics.facts.storage import RecordsExpired as RecordsExpired
from metrics.facts.storage import RecordsQuarantined as RecordsQuarantined
from metrics.facts.storage import RecordsSpooled as RecordsSpooled
from metrics.facts.storage import RowsSkipped as RowsSkipped
from metrics.facts.storage import SpoolDamaged as SpoolDamaged
from metrics.facts.storage import SpoolOpened as SpoolOpened
from metrics.facts.storage import StoreFailed as StoreFailed
from metrics.facts.storage import StoreReady as StoreReady
from supervisors import SupervisorEvent

Fact: TypeAlias = ServiceEvent | SupervisorEvent
Report: TypeAlias = Callable[[Fact], None]

UPDATES: dict[type[Fact], tuple[Update, ...]] = {kind: kind.METRICS for kind in ServiceEvent.__subclasses__()}
"""What each kind of fact moves."""
UPDATES |= {kind: updates for kind, (_, updates) in SUPERVISION.items()}

CATALOGUE: dict[str, Metric] = {update.metric.name: update.metric for moved in UPDATES.values() for update in moved}
CATALOGUE |= {UNACCOUNTED.name: UNACCOUNTED}
"""Every metric of the service by its Prometheus name."""


def level(fact: Fact) -> int:
    """Return how loudly the log says a fact."""
    return fact.level if isinstance(fact, ServiceEvent) else SUPERVISION.get(type(fact), (INFO, ()))[0]


def level_of(kind: type[Fact]) -> int | None:
    """Return how loudly the log says all facts of a kind; None where each says that itself."""
    if issubclass(kind, ServiceEvent):
        return None if "level" in vars(kind) else kind.LEVEL
    return SUPERVISION.get(kind, (INFO, ()))[0]
