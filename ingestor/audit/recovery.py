"""What to do when what was captured is gone: the spool with its watermarks, all our files, or what the store had.

The store knows it, or the recorder: the chain goes on from what is stored, and everything since is compared by key.
"""

from __future__ import annotations

import time

from ingestor.audit.jobs import Jobs
from ingestor.audit.ledger import Ledger
from ingestor.errors import CredentialsRefused, Unavailable
from ingestor.messages import Watermark
from ingestor.storage.intake import Intake
from ingestor.storage.spool import Spool
from ingestor.storage.store import Store
from metrics import facts

BEFORE_NS = 86_400 * 10**9  # what was written after a mark may be older than the mark: a backlog


class Recovery:
    """Finds out for one home what a loss has cost, and lets a backfill bring it back."""

    def __init__(
        self,
        *,
        home: str,
        store: Store,
        spool: Spool,
        intake: Intake,
        ledger: Ledger,
        jobs: Jobs,
        report: facts.Report,
    ) -> None:
        self._home = home
        self._store = store
        self._spool = spool
        self._intake = intake
        self._ledger = ledger
        self._jobs = jobs
        self._report = report

    async def recollect(self) -> list[Watermark]:
        """Return how far each entity was captured, as the store knows it; to be asked when the spool knows nothing.

        That is nothing at a first start. Raises `Unavailable` when there was one before, and the store is away.
        """
        known = bool(await self._ledger.read(limit=1))
        try:
            await self._store.prepare()
            marks, oldest_ns = await self._store.newest(self._home)
        except (Unavailable, CredentialsRefused) as error:
            if known:
                sentence = f"the spool is lost, and the database, which knows what was captured, is away: {error}"
                raise Unavailable(sentence, code=error.code) from None
            return []
        if marks and oldest_ns is not None:
            cause = "spool_lost" if known else "data_lost"
            await self._begin(cause, oldest_ns)
            await self._spool.adopt(marks)
            self._intake.loss = cause
        return marks

    async def restored(self, at_ns: int) -> None:
        """Bring back what the store has lost since about this time. Raises `Unavailable`."""
        await self._begin("store_restored", at_ns - BEFORE_NS)

    async def _begin(self, cause: str, from_ns: int) -> None:
        detail = f"{cause}: everything is compared with the recorder, and what is missing comes back"
        self._report(facts.Warned(code=cause, detail=detail))
        await self._jobs.begin(self._home, from_ns // 1000, None, time.time_ns() // 1000, cause)
