"""Whether homes may bring more: closed while the spool, the quarantine or their disk is full."""

from __future__ import annotations

from ingestor.model.signals import Signal

RESUMES_BELOW = 0.8  # of a maximum; a home that paused comes back then


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

    def weigh(self, code: str, held_bytes: int, maximum_bytes: int, detail: str) -> None:
        """Close it for this reason at the maximum, and take that away well below."""
        if held_bytes >= maximum_bytes:
            self.close(code, detail)
        elif held_bytes < RESUMES_BELOW * maximum_bytes and code in self._reasons:
            self.open(code)

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
