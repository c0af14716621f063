"""The audits that a user asks for while the service runs, and how far they are. Forgotten with the process."""

from __future__ import annotations

from typing import Literal

import trio
from msgspec import Struct

from ingestor.history.comparison import Audited

KEPT = 10


class AskedAudit(Struct, frozen=True, kw_only=True):
    """An audit: `share` of it is done, and so much was `found`. `detail` says why it failed."""

    id: int
    home: str
    from_us: int
    to_us: int
    state: Literal["running", "done", "failed"] = "running"
    share: float = 0.0
    detail: str = ""
    found: Audited = Audited()


class AskedAudits:
    """Those of one home. `begun` is set, and replaced, when there is a new one."""

    def __init__(self, home: str) -> None:
        self.begun = trio.Event()
        self._home = home
        self._audits: dict[int, AskedAudit] = {}
        self._last_id = 0

    def ask(self, from_us: int, to_us: int | None, now_us: int) -> AskedAudit | None:
        """Begin an audit, or join the one of this span; none while another is under way."""
        running = self.running
        if running is not None:
            return running if running.from_us == from_us and to_us in {None, running.to_us} else None
        self._last_id += 1
        until_us = now_us if to_us is None else to_us
        asked = AskedAudit(id=self._last_id, home=self._home, from_us=from_us, to_us=until_us)
        self.tell(asked)
        if len(self._audits) > KEPT:
            del self._audits[min(self._audits)]
        self.begun.set()
        self.begun = trio.Event()
        return asked

    @property
    def running(self) -> AskedAudit | None:
        """The one that is under way."""
        return next((one for one in self._audits.values() if one.state == "running"), None)

    def read(self) -> list[AskedAudit]:
        """Return the newest first."""
        return list(reversed(self._audits.values()))

    def tell(self, audit: AskedAudit) -> None:
        """Keep how far an audit is."""
        self._audits[audit.id] = audit
