"""Brings records of the quarantine into the journal again, once what was wrong with them is mended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio
from msgspec import Struct

from ingestor.model.errors import Rejected
from ingestor.model.records import Event, RawEvent, Record, events_in
from ingestor.storage.journal import Journal
from ingestor.storage.quarantine import Handle, Quarantine, Quarantined, digest, parts
from metrics import facts

PATIENCE_SECONDS = 10.0  # for the store's answer


class Replayed(Struct, frozen=True, kw_only=True):
    """How many records went into the journal, and what keeps the others, by the id that they had."""

    replayed: int
    failures: dict[int, str]


class Replay:
    """A part of the records at a time: into the journal, then out of the quarantine.

    A crash between repeats it, harmlessly.

    What the store refuses again comes back into the quarantine: `confirmed` waits until it has answered. `again` does a
    raw event anew.
    """

    def __init__(
        self,
        quarantine: Quarantine,
        journal: Journal,
        again: Callable[[RawEvent], Event],
        confirmed: Callable[[], Awaitable[None]],
        report: facts.Report,
    ) -> None:
        self._quarantine = quarantine
        self._journal = journal
        self._again = again
        self._confirmed = confirmed
        self._report = report

    async def replay(self, wanted: Sequence[Handle], *, patience_seconds: float = PATIENCE_SECONDS) -> Replayed:
        """Replay these; what the store has not answered to after a while is on its way there.

        Raises `Unavailable` while the disk does not serve.
        """
        failures: dict[int, str] = {}
        brought: dict[bytes, int] = {}
        for part in parts(wanted):
            mended: list[Record] = []
            gone: list[Quarantined] = []
            for one in await self._quarantine.those(part):
                try:
                    mended.append(self._again(one.record) if isinstance(one.record, RawEvent) else one.record)
                    gone.append(one)
                except Rejected as refusal:
                    failures[one.id] = str(refusal)
            await self._bring(mended, gone)
            brought |= {digest(record): one.id for record, one in zip(mended, gone, strict=True)}
        with trio.move_on_after(patience_seconds):
            await self._confirmed()
        failures |= await self._quarantine.again(brought)
        return Replayed(replayed=len(wanted) - len(failures), failures=failures)

    async def _bring(self, records: Sequence[Record], gone: Sequence[Quarantined]) -> None:
        await self._journal.commit(records, live=False)
        self._report(facts.EventsReplayed(events=events_in(records)))
        await self._quarantine.remove(gone)
