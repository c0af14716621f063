"""What lies in the data directory, and the store beside it: opened once, for a run or for a command without one."""

from __future__ import annotations

from functools import partial
from random import Random

import trio

import metrics
from ingestor.assembly.privacy import tighten
from ingestor.config import Settings
from ingestor.enrichment.again import again
from ingestor.enrichment.attributes import Attributes
from ingestor.history.capture import Capture
from ingestor.history.jobs import Jobs
from ingestor.history.ledger import Ledger
from ingestor.history.recovery import Recovery
from ingestor.model.channels import Inbox
from ingestor.model.disk import is_there
from ingestor.model.gaps import Kept
from ingestor.storage.batcher import Retry
from ingestor.storage.database import Database
from ingestor.storage.delivery import Delivery
from ingestor.storage.importer import Importer
from ingestor.storage.intake import Intake
from ingestor.storage.journal import EmbeddedJournal
from ingestor.storage.losses import Losses
from ingestor.storage.marks import Marks
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.replay import Replay
from ingestor.storage.schema import MIGRATIONS, Schema
from ingestor.storage.settings import LiveSettings, SettingsStore
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.store import RenamingStore
from ingestor.storage.writer import BatchLimits, Writer
from metrics import facts
from metrics.codes import WarningCode

STATE_FILE = "state.sqlite3"
STATE = Schema.read(MIGRATIONS / "state")
LISTS_IN_A_CHANNEL = 2  # what waits behind them waits as one larger list


class Files:
    """What lies in the data directory, and who brings records there and from there into the store.

    With the embedded database that is the journal, and the writer only empties a spool that an InfluxDB left behind.
    To be made by who holds the lock. Raises what `Database.run` raises.
    """

    def __init__(self, settings: Settings, report: facts.Report) -> None:
        self.settings = settings
        self.report = report
        self.homes = tuple(home.name for home in settings.homes)
        for sentence in tighten(settings.data_dir):
            report(facts.Warned(code=WarningCode.NOT_PRIVATE, detail=sentence))
        self.state = state_database(settings, report)
        self.losses, self.capture = Losses(self.state, report), Capture(self.homes, self.state, report)
        self.report = report = metrics.fan_out(report, self.losses, self.capture)
        self.changeable = SettingsStore(settings, self.state, self.warn)
        for sentence in self.changeable.told():
            report(facts.Warned(code=WarningCode.CHANGED_SETTING, detail=sentence))
        self.store = store = make_store(settings, self.changeable.current, report)
        self.entrance, self.exit = trio.open_memory_channel[list[Kept]](LISTS_IN_A_CHANNEL)
        self.intake = Intake(Inbox(self.exit))
        self.quarantine = Quarantine(
            self.state, report, maximum_bytes=settings.spool_max_bytes, valve=self.intake.valve
        )
        self.spool = Spool(settings.data_dir, settings.spool_max_bytes, self.intake.valve, report)
        self.embedded = embedded = store if isinstance(store, SQLiteStore) else None
        self.delivery = Delivery("sqlite" if embedded else "influxdb", self.quarantine, report)
        self.journal = EmbeddedJournal(embedded, self.spool, self.delivery, report) if embedded else self.spool
        self.wanted = Attributes(
            settings.attributes,
            exclude=settings.exclude_attributes,
            names=settings.attribute_fields,
            location=settings.location,
        )
        self.importer = Importer(self.journal, self.spool, self.intake, report)
        self.replay = Replay(
            self.quarantine, self.journal, partial(again, wanted=self.wanted), self.importer.confirmed, report
        )
        self.jobs = Jobs(self.state, self.warn)
        self.ledger = Ledger(self.state, report, (lambda: embedded.marked) if embedded else lambda: 0)
        self.recovery = Recovery(self.homes, store, self.spool, self.intake, self.ledger, self.jobs, report)

    def writer(self, random: Random) -> Writer | None:
        """Return what empties the spool into the store; None where nothing goes through it."""
        if self.embedded is not None and not self.spool.exists:
            return None
        settings = self.settings
        due = BatchLimits(maximum_events=settings.batch_max_events, maximum_seconds=settings.batch_max_seconds)
        marks = None if self.embedded else Marks(self.homes, self.store, self.spool, self.recovery.begin)
        retry = Retry(random)
        return Writer(self.spool, self.store, self.delivery, self.intake, due, retry, self.report, marks=marks)

    def open_now(self) -> None:
        """Tell what the state file holds before anybody can ask, and before anything runs. Raises as `Database.run`."""
        for held in (self.ledger, self.quarantine, self.losses, self.capture):
            held.open_now()

    async def keep(self) -> None:
        """Bring to the state file what is only in memory yet. Raises `Unavailable`."""
        await self.losses.keep()
        await self.capture.keep()

    async def aclose(self) -> None:
        """Close every file and connection; to be called when nothing runs any more."""
        for file in (self.store, self.spool, self.state):
            await file.aclose()

    def warn(self, detail: str) -> None:
        """Tell that what must be remembered is not as it was."""
        self.report(facts.Warned(code=WarningCode.STATE_DAMAGED, detail=detail))


def state_database(settings: Settings, report: facts.Report, *, upgrades: bool = True) -> Database:
    """Return the file of what must be remembered beside the events; who does not hold the lock upgrades nothing."""
    return Database(settings.data_dir / STATE_FILE, STATE, report, upgrades=upgrades)


def has_state(settings: Settings) -> bool:
    """Return whether that file is there: else nothing has run yet. Raises `Unavailable` where it cannot be seen."""
    return is_there(settings.data_dir / STATE_FILE)


def make_store(settings: Settings, live: LiveSettings, report: facts.Report) -> RenamingStore:
    """Return InfluxDB where one is configured, else the embedded database."""
    if settings.influxdb_url is None or settings.influxdb_token is None or settings.influxdb_org is None:
        return SQLiteStore(settings.data_dir, live.retention_days, report)
    from ingestor.storage.influxdb import InfluxDBStore  # noqa: PLC0415  16 MB that the embedded database does not need

    return InfluxDBStore(
        url=settings.influxdb_url,
        token=settings.influxdb_token,
        org=settings.influxdb_org,
        bucket=settings.influxdb_bucket,
        ca_file=settings.influxdb_ca_file,
        retention_days=live.retention_days,
        report=report,
    )
