"""The actor that asks for `HEARTBEAT_URL` while data is fresh: who answers there raises an alarm when it stays away.

The address is a secret, for as a rule it holds a token: it stands in no fact and in no error.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
import trio
from pydantic import SecretStr

from ingestor.model.errors import Unavailable
from ingestor.model.http import no_answer
from metrics import facts
from metrics.codes import ErrorCode, Telling
from supervisors import Progress

BEAT_SECONDS = 60.0
TIMEOUT_SECONDS = 10.0


class Heartbeat:
    """Asks once a minute, while `is_fresh` says so."""

    def __init__(self, url: SecretStr, is_fresh: Callable[[], bool], report: facts.Report) -> None:
        self.progress = Progress()
        self._url = url
        self._is_fresh = is_fresh
        self._report = report
        self._failed: ErrorCode | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask until cancelled."""
        task_status.started()
        while True:
            if self._is_fresh():
                await self._beat()
            await trio.sleep(BEAT_SECONDS)

    async def _beat(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
                answer = await client.get(self._url.get_secret_value())
        except httpx.HTTPError as error:
            self._fail(no_answer("HEARTBEAT_URL", error))
            return
        if answer.is_error:
            said = f"HEARTBEAT_URL answered HTTP {answer.status_code}"
            self._fail(Unavailable(said, code=ErrorCode.SERVER_ERROR if answer.is_server_error else ErrorCode.REFUSED))
            return
        self._failed = None
        self.progress.report()

    def _fail(self, error: Unavailable) -> None:
        if error.code is not self._failed:  # once: it is tried every minute
            self._report(facts.TellingFailed(way=Telling.HEARTBEAT, code=error.code, detail=str(error)))
        self._failed = error.code
