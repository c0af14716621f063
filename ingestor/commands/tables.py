"""Tables that stay readable on 80 columns: what is short stands side by side, and what may be long below its row.

    id  set aside            code            entity
    7   2026-01-31 12:00:00  field_conflict  sensor.power
        the field "value" of "home_assistant_events" holds a string in this bucket already, so a
        float is refused: does another program write it?

Each column is as wide as its widest cell. The last one has the rest of the line, and is folded there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from msgspec import Struct
from rich.console import Console

_BETWEEN = "  "
_NARROWEST = 16  # of the last column, on a terminal that has no room at all


class Row(Struct, frozen=True):
    """The cells of a row, one for each heading, and the paragraphs below it."""

    cells: tuple[str, ...]
    below: tuple[str, ...] = ()


def show(console: Console, headings: Sequence[str], rows: Sequence[Row]) -> None:
    """Print a table, as wide as the terminal at most."""
    console.out(table(headings, rows, console.width), highlight=False)


def table(headings: Sequence[str], rows: Sequence[Row], width: int) -> str:
    """Return a table, no line of which is longer than the width."""
    cleaned = [Row(tuple(map(_printable, row.cells)), tuple(map(_printable, row.below))) for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *(row.cells for row in cleaned), strict=True)]
    before_last = sum(widths[:-1]) + len(_BETWEEN) * (len(widths) - 1)
    widths[-1] = max(_NARROWEST, width - before_last)
    indent = " " * (widths[0] + len(_BETWEEN)) if len(widths) > 1 else _BETWEEN
    lines = [*_lines(headings, widths)]
    for row in cleaned:
        lines += _lines(row.cells, widths)
        for paragraph in row.below:
            lines += wrap(paragraph, max(width, 2 * len(indent)), initial_indent=indent, subsequent_indent=indent)
    return "\n".join(lines)


def _lines(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """Yield a row, whose last cell may need more than one line."""
    *firsts, last = cells
    padded = [cell.ljust(width) for cell, width in zip(firsts, widths, strict=False)]
    blank = [" " * width for width in widths[:-1]]
    for number, part in enumerate(wrap(last, widths[-1]) or [""]):
        yield _BETWEEN.join([*(blank if number else padded), part]).rstrip()


def _printable(text: str) -> str:
    """Return what a terminal shows as it is: nothing from outside moves its cursor."""
    return "".join(character if character.isprintable() else " " for character in text)
