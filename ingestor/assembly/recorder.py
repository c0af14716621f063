"""The subtrees that ask a home's recorder: refill, auditor and backfill, each apart from live capture."""

from __future__ import annotations

from functools import partial

from ingestor.assembly.live import Live
from ingestor.assembly.stages import Ground, apart
from ingestor.assembly.storage import Storage
from ingestor.history.auditor import Auditing, Auditor
from ingestor.history.backfill import Backfilling
from ingestor.history.backfiller import Backfiller
from ingestor.history.patrol import AuditPatrol
from ingestor.history.refill import Refill, Refilling
from supervisors import ChildSpec

UNDERWAY_SECONDS = 4.0  # from Home Assistant to the committer, at 5,000 changes a second


def recorder_askers(ground: Ground, live: Live, storage: Storage) -> tuple[ChildSpec, ...]:
    """Return the specs of the refill, the auditor and the backfill of a home."""
    report, name = ground.report, live.endpoint.home
    refilling = Refilling(
        endpoint=live.endpoint,
        ledger=storage.ledger,
        commit=live.commit_refilled,
        fence=live.fence,
        wants=live.entities.wants,
        take_notes=storage.keeper.take,
        reader=live.reader,
    )
    auditing = Auditing(
        endpoint=live.endpoint,
        store=ground.store,
        ledger=storage.ledger,
        quarantine=storage.files.quarantine,
        reader=live.reader,
        commit=live.commit_refilled,
        series=live.series,
        confirmed=storage.confirmed,
        retention_days=lambda: ground.changeable.current.retention_days,
        underway_us=int((ground.settings.commit_seconds + UNDERWAY_SECONDS) * 1e6),
    )
    backfilling = Backfilling(
        auditing=auditing,
        jobs=storage.jobs,
        wanted=live.entities.wants,
        commit=storage.commit_backfilled,
    )
    return (
        apart("refill", Refill(refilling, report)),
        apart("auditor", AuditPatrol(name, Auditor(auditing), storage.audits, report)),
        apart("backfill", Backfiller(name, backfilling, report, partial(storage.look_for_losses, name))),
    )
