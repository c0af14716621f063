"""What lies in the data directory, and the store beside it: put together for a run, or for a command without one."""

from __future__ import annotations

from dataclasses import dataclass

from ingestor.config import Settings
from ingestor.enrichment.again import again
from ingestor.storage.database import Database
from ingestor.storage.delivery import Delivery
from ingestor.storage.journal import EmbeddedJournal, Journal, Notebook
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.replay import Replay
from ingestor.storage.schema import MIGRATIONS, Schema
from ingestor.storage.settings import LiveSettings
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.store import Store
from ingestor.storage.valve import Valve
from metrics import facts

STATE_FILE = "state.sqlite3"
STATE = Schema.read(MIGRATIONS / "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What lies in the data directory, and who brings records there."""

    state: Database
    spool: Spool
    quarantine: Quarantine
    delivery: Delivery
    journal: Journal
    notebook: Notebook
    replay: Replay

    @classmethod
    def of(
        cls, settings: Settings, state: Database, embedded: SQLiteStore | None, valve: Valve, report: facts.Report
    ) -> Files:
        """Put them together; with the embedded database that is the journal, else the spool."""
        quarantine = Quarantine(state, report)
        spool = Spool(settings.data_dir, settings.spool_max_bytes, valve, report)
        delivery = Delivery("sqlite" if embedded else "influxdb", quarantine, report)
        journal = EmbeddedJournal(embedded, spool, delivery, report) if embedded else spool
        replay = Replay(quarantine, journal, again)
        return cls(
            state=state,
            spool=spool,
            quarantine=quarantine,
            delivery=delivery,
            journal=journal,
            notebook=journal,
            replay=replay,
        )


def state_database(settings: Settings, report: facts.Report, *, upgrades: bool = True) -> Database:
    """Return the file of what must be remembered beside the events; who does not hold the lock upgrades nothing."""
    return Database(settings.data_dir / STATE_FILE, STATE, report, upgrades=upgrades)


def make_store(settings: Settings, live: LiveSettings, report: facts.Report) -> Store:
    """Return InfluxDB where one is configured, else the embedded database."""
    if settings.influxdb_url is None or settings.influxdb_token is None or settings.influxdb_org is None:
        return SQLiteStore(settings.data_dir, live.retention_days, report)
    from ingestor.storage.influxdb import InfluxDBStore  # noqa: PLC0415  16 MB that the embedded database does not need

    return InfluxDBStore(
        url=settings.influxdb_url,
        token=settings.influxdb_token,
        org=settings.influxdb_org,
        bucket=settings.influxdb_bucket,
        retention_days=live.retention_days,
        report=report,
    )
