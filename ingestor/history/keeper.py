"""The actor that brings into the state file what has to outlive the process: notes of the journal, losses, counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import trio

from ingestor.model.errors import Unavailable
from ingestor.model.gaps import Note
from ingestor.model.signals import first_of
from ingestor.storage.intake import Intake
from ingestor.storage.journal import RETRY_SECONDS, Notebook
from metrics import facts
from metrics.codes import WarningCode
from supervisors import Progress

KEEP_SECONDS = 60.0  # each time costs the disk an fsync


class LedgerKeeper:
    """Takes notes over as they are committed. A note leaves the journal only when the ledger has it: `learn` gives it.

    Once a minute, and at the end, `keep` brings everything else to the disk.
    """

    def __init__(
        self,
        notebook: Notebook,
        learn: Callable[[Sequence[Note]], Awaitable[None]],
        intake: Intake,
        keep: Callable[[], Awaitable[None]],
        report: facts.Report,
    ) -> None:
        self.progress = Progress()
        self._notebook = notebook
        self._learn = learn
        self._intake = intake
        self._keep = keep
        self._report = report
        self._lock = trio.Lock()
        self._draining = trio.Event()

    def drain(self) -> None:
        """Stop; what is not taken over waits in the journal."""
        self._draining.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take over until drained. A disk that is away is a state."""
        task_status.started()
        keep_at = trio.current_time()
        while not self._draining.is_set():
            noted = self._intake.noted
            try:
                await self.take()
                if trio.current_time() >= keep_at:
                    await self._keep()
                    keep_at = trio.current_time() + KEEP_SECONDS
            except Unavailable as error:
                self._report(facts.Warned(code=WarningCode.LEDGER, detail=f"the ledger waits: {error}"))
                with trio.move_on_after(RETRY_SECONDS):
                    await self._draining.wait()
                continue
            with trio.move_on_at(keep_at):
                await first_of(noted.wait, self._draining.wait)
        with suppress(Unavailable):  # it costs the counts of a minute
            await self._keep()

    async def take(self) -> None:
        """Take over what there is now. Raises `Unavailable`."""
        async with self._lock:
            written = await self._notebook.notes()
            if written:
                await self._learn([one.note for one in written])
                await self._notebook.forget_notes(written[-1].number)
                self.progress.report()
