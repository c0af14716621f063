"""How far a long command is: a bar on a terminal, and plain lines now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

import trio
from rich.console import Console
from rich.progress import Progress

LINE_SECONDS = 10.0  # between two lines where there is no terminal

Told: TypeAlias = Callable[[float, str], None]
"""Is told the share that is done, and its figures."""


@contextmanager
def progress(console: Console, doing: str) -> Generator[Told]:
    """Hold what shows progress until the end of the block."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(doing, total=1.0)
        yield lambda share, figures: bar.update(task, completed=share, description=figures)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._told_at = trio.current_time()

    def __call__(self, share: float, figures: str) -> None:
        if trio.current_time() - self._told_at >= LINE_SECONDS:
            self._told_at = trio.current_time()
            self._console.print(f"{share:.0%}  {figures}")
