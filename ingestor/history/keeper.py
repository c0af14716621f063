"""The actor that brings notes from the journal into the ledger, and tells at its start what is set aside beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio

from ingestor.model.errors import Unavailable
from ingestor.model.gaps import Note
from ingestor.model.signals import first_of
from ingestor.storage.intake import Intake
from ingestor.storage.journal import RETRY_SECONDS, Notebook
from ingestor.storage.quarantine import Quarantine
from metrics import facts
from metrics.codes import WarningCode
from supervisors import Progress


class LedgerKeeper:
    """Takes notes over as they are committed. A note leaves the journal only when the ledger has it: `learn` gives it.

    The quarantine lies in the ledger's file; nobody else touches it before the next record is refused.
    """

    def __init__(
        self,
        notebook: Notebook,
        learn: Callable[[Sequence[Note]], Awaitable[None]],
        intake: Intake,
        quarantine: Quarantine,
        report: facts.Report,
    ) -> None:
        self.progress = Progress()
        self._notebook = notebook
        self._learn = learn
        self._intake = intake
        self._quarantine = quarantine
        self._report = report
        self._lock = trio.Lock()
        self._draining = trio.Event()

    def drain(self) -> None:
        """Stop; what is not taken over waits in the journal."""
        self._draining.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take over until drained. A disk that is away is a state."""
        task_status.started()
        counted = False
        while not self._draining.is_set():
            noted = self._intake.noted
            try:
                if not counted:
                    await self._quarantine.open()
                    counted = True
                await self.take()
            except Unavailable as error:
                self._report(facts.Warned(code=WarningCode.LEDGER, detail=f"the ledger waits: {error}"))
                with trio.move_on_after(RETRY_SECONDS):
                    await self._draining.wait()
                continue
            await first_of(noted.wait, self._draining.wait)

    async def take(self) -> None:
        """Take over what there is now. Raises `Unavailable`."""
        async with self._lock:
            written = await self._notebook.notes()
            if written:
                await self._learn([one.note for one in written])
                await self._notebook.forget_notes(written[-1].number)
                self.progress.report()
