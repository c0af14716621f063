"""Whether homes may bring more: closed while the spool or its disk is full."""

from __future__ import annotations

from ingestor.model.signals import Signal


class Valve:
    """Open, or closed for reasons by their codes; shared by the storage, which turns it, and the connections."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._turned = Signal()

    @property
    def reasons(self) -> dict[str, str]:
        """Why it is closed, in words by code; empty while it is open."""
        return dict(self._reasons)

    @property
    def closed(self) -> bool:
        """Whether nothing more may come."""
        return bool(self._reasons)

    def close(self, code: str, detail: str) -> None:
        """Close it for this reason."""
        self._turn(self._reasons | {code: detail})

    def open(self, code: str) -> None:
        """Take this reason away."""
        self._turn({known: detail for known, detail in self._reasons.items() if known != code})

    async def wait_closed(self) -> None:
        """Wait until it is closed."""
        while not self.closed:
            await self._turned.wait()

    async def wait_open(self) -> None:
        """Wait until it is open."""
        while self.closed:
            await self._turned.wait()

    def _turn(self, reasons: dict[str, str]) -> None:
        self._reasons = reasons
        self._turned.send()
