"""The live view of the demo: a screen on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable

import trio
from msgspec import Struct
from rich.console import Console
from rich.live import Live
from rich.panel import Panel

REFRESH_SECONDS = 0.5
LINE_SECONDS = 2.0


class Picture(Struct, frozen=True, kw_only=True):
    """What is shown. `tree` is the drawing of the actors."""

    home: str
    received: int
    stored: int
    pending: int
    dropped: int
    lag_seconds: float | None
    weather: str
    store: str
    metrics_url: str
    tree: str

    def line(self, rate: float) -> str:
        """Return it as one line."""
        return (
            f"home: {self.home}  in: {self.received} ({rate:.0f}/s)  stored: {self.stored}  pending: {self.pending}  "
            f"dropped: {self.dropped}  lag: {_seconds(self.lag_seconds)}  weather: {self.weather}"
        )

    def screen(self, rate: float) -> Panel:
        """Return it as a screen."""
        rows = {
            "Home Assistant": self.home,
            "events in": f"{self.received}  ({rate:.0f}/s)",
            "stored": f"{self.stored} in {self.store}  (pending {self.pending}, dropped {self.dropped})",
            "lag": _seconds(self.lag_seconds),
            "weather": self.weather,
            "metrics": self.metrics_url,
        }
        text = "\n".join(f"{name:<15} {value}" for name, value in rows.items())
        return Panel(f"{text}\n\n{self.tree}", title="ingestor", title_align="left")


async def show(picture: Callable[[], Picture]) -> None:
    """Show the picture until cancelled."""
    console = Console(highlight=False, markup=False)
    if not sys.stdout.isatty():
        first = picture()
        print(f"metrics: {first.metrics_url}  store: {first.store}", flush=True)
        await _each(LINE_SECONDS, picture, lambda now, rate: print(now.line(rate), flush=True))
        return
    with Live(console=console, auto_refresh=False, screen=False) as live:
        await _each(REFRESH_SECONDS, picture, lambda now, rate: live.update(now.screen(rate), refresh=True))


async def _each(seconds: float, picture: Callable[[], Picture], draw: Callable[[Picture, float], None]) -> None:
    before, at = 0, trio.current_time()
    try:
        while True:
            await trio.sleep(seconds)
            now, moment = picture(), trio.current_time()
            draw(now, (now.received - before) / (moment - at))
            before, at = now.received, moment
    finally:
        draw(picture(), 0.0)


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"
