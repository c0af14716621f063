"""How the service is, in one expression and in words: the worst that is true of an instance.

What Prometheus knows of a part is asked in this order, the worst first; a later line counts only where no earlier one
is true. It is read from metrics alone, so that it also tells that there are none.
"""

from __future__ import annotations

from typing import NamedTuple

from grafana.panels import GREEN, ORANGE, RED, YELLOW


class State(NamedTuple):
    """A state, in words; `expr` finds the instances that are in it, whatever its value."""

    words: str
    colour: str
    expr: str


STATES = (
    State("Down: nothing is captured", RED, 'up == 0 or label_replace(absent(up), "instance", "no instance", "", "")'),
    State("Paused: there is no room", RED, "ingestor_home_paused == 1"),
    State("The disk takes nothing: events are in memory", RED, 'ingestor_problem{part="spool",code!=""} == 1'),
    State("Not connected: nothing is captured", RED, "ingestor_connected == 0"),
    State("The database is away: events wait", ORANGE, "ingestor_store_up == 0"),
    State(
        "Nothing is stored: most is refused", RED, 'ingestor_problem{part=~"database|enrichment_service",code!=""} == 1'
    ),
    State("Nothing is selected", RED, 'ingestor_problem{part="selection",code!=""} == 1'),
    State("Something waits for you", YELLOW, 'ingestor_problem{code!=""} == 1'),
    State("All is well", GREEN, "up == 1"),
)
WORDS = {str(number): (state.words, state.colour) for number, state in enumerate(reversed(STATES))}
"""The words by the value of `EXPR`: 0 is well, and the highest is the worst."""


def _expr() -> str:
    highest = len(STATES) - 1
    lines = (f"0 * max by (instance) ({state.expr}) + {highest - place}" for place, state in enumerate(STATES))
    return "\nor on (instance) ".join(lines)


EXPR = _expr()
