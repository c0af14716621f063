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
    """Those of every home. `begun` is set, and replaced, when there is a new one."""

    def __init__(self) -> None:
        self.begun = trio.Event()
        self._audits: dict[int, AskedAudit] = {}
        self._last_id = 0

    def ask(self, home: str, from_us: int, to_us: int | None, now_us: int) -> AskedAudit | None:
        """Begin an audit of a home, or join the one of this span; none while another of that home is under way."""
        running = self.running(home)
        if running is not None:
            return running if running.from_us == from_us and to_us in {None, running.to_us} else None
        self._last_id += 1
        until_us = now_us if to_us is None else to_us
        asked = AskedAudit(id=self._last_id, home=home, from_us=from_us, to_us=until_us)
        self.tell(asked)
        ended = [id_ for id_, one in self._audits.items() if one.state != "running"]
        if len(self._audits) > KEPT and ended:
            del self._audits[min(ended)]
        self.begun.set()
        self.begun = trio.Event()
        return asked

    def running(self, home: str) -> AskedAudit | None:
        """Return the one of a home that is under way."""
        return next((one for one in self._audits.values() if one.home == home and one.state == "running"), None)

    def read(self) -> list[AskedAudit]:
        """Return the newest first."""
        return list(reversed(self._audits.values()))

    def tell(self, audit: AskedAudit) -> None:
        """Keep how far an audit is."""
        self._audits[audit.id] = audit
