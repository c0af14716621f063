"""The actor that shows the problems of `/health` in Home Assistant, as persistent notifications.

It looks at them now and then, and opens a socket only when there is something to say. What cannot be said stays due;
a home that is away is told when it is back, of what is still wrong then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import trio

from ingestor.model.errors import CredentialsRefused, IngestorError
from ingestor.notification.notices import Notice, Notices, Problem
from metrics import facts
from metrics.codes import ErrorCode, Telling
from supervisors import Progress

LOOK_SECONDS = 5.0
RETRY_SECONDS = 60.0
REFUSED_SECONDS = 900.0  # a refused login makes a notification of its own, and may ban this address

Call = Callable[[list[tuple[str, dict[str, Any]]]], Awaitable[None]]
"""Calls services of the domain `persistent_notification`; raises an `IngestorError`."""


class Notifier:
    """Keeps Home Assistant's notifications as the problems are. `parts` are all that can have one."""

    def __init__(
        self,
        home: str,
        parts: Callable[[], Sequence[str]],
        problems: Callable[[], Mapping[str, Problem]],
        call: Call,
        report: facts.Report,
    ) -> None:
        self.progress = Progress()
        self._home = home
        self._parts = parts
        self._problems = problems
        self._call = call
        self._report = report
        self._notices = Notices()
        self._failed: ErrorCode | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look and tell, until cancelled."""
        task_status.started()
        while True:  # noqa: ASYNC110  problems have no event of their own
            await trio.sleep(await self._turn())

    async def _turn(self) -> float:
        """Tell what is due; return when to look again, in seconds."""
        due = self._notices.due(self._parts(), self._problems(), trio.current_time())
        if not due:
            return LOOK_SECONDS
        try:
            await self._call([self._service(notice) for notice in due])
        except IngestorError as error:
            if error.code is not self._failed:  # once: it is tried for as long as it takes
                self._report(facts.TellingFailed(way=Telling.NOTIFICATION, code=error.code, detail=str(error)))
            self._failed = error.code
            return REFUSED_SECONDS if isinstance(error, CredentialsRefused) else RETRY_SECONDS
        self._failed = None
        for notice in due:
            self._notices.told(notice)
        shown = [notice.part for notice in due if notice.code]
        self._report(facts.ProblemsNotified(home=self._home, shown=shown, dismissed=len(due) - len(shown)))
        self.progress.report()
        return LOOK_SECONDS

    def _service(self, notice: Notice) -> tuple[str, dict[str, Any]]:
        number = f"ingestor_{self._home}_{notice.part}"
        if not notice.code:
            return "dismiss", {"notification_id": number}
        title = f"Ingestor: {notice.part.replace('_', ' ')} ({notice.code})"
        return "create", {"notification_id": number, "title": title, "message": notice.detail}
