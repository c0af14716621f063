"""The subtrees that ask a home's recorder: refill, auditor and backfill, each apart from live capture."""

from __future__ import annotations

from collections.abc import Callable

from ingestor.assembly.home import Home
from ingestor.assembly.stages import Ground, apart
from ingestor.assembly.storage import Storage
from ingestor.history.asked import AskedAudits
from ingestor.history.auditor import Auditing, Auditor
from ingestor.history.backfill import Backfilling
from ingestor.history.backfiller import Backfiller
from ingestor.history.patrol import AuditPatrol
from ingestor.history.refill import Refill, Refilling

UNDERWAY_SECONDS = 4.0  # from Home Assistant to the committer, at 5,000 changes a second


class RecorderAskers:
    """Refill, auditor and backfill of one home; `audits` and `backfiller` are what the API asks."""

    def __init__(self, ground: Ground, storage: Storage, home: Home, retention_days: Callable[[], int]) -> None:
        settings, report, name = ground.settings, ground.report, ground.settings.home_name
        refilling = Refilling(
            endpoint=home.endpoint,
            ledger=storage.ledger,
            commit=home.commit_refilled,
            fence=home.fence,
            wants=home.entities.wants,
            take_notes=storage.keeper.take,
            reader=home.reader,
        )
        auditing = Auditing(
            endpoint=home.endpoint,
            store=ground.store,
            ledger=storage.ledger,
            quarantine=storage.files.quarantine,
            reader=home.reader,
            commit=home.commit_refilled,
            series=home.series,
            confirmed=storage.confirmed,
            retention_days=retention_days,
            underway_us=int((settings.commit_seconds + UNDERWAY_SECONDS) * 1e6),
        )
        backfilling = Backfilling(
            auditing=auditing,
            jobs=storage.jobs,
            wanted=home.entities.wants,
            commit=storage.commit_backfilled,
        )
        self.audits = AskedAudits(name)
        self.backfiller = Backfiller(name, backfilling, report, storage.look_for_losses)
        self.children = (
            apart("refill", name, Refill(refilling, report)),
            apart("auditor", name, AuditPatrol(name, Auditor(auditing), self.audits, report)),
            apart("backfill", name, self.backfiller),
        )
