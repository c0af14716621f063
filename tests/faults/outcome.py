"""What became of the changes while a fault came and went: counted, and shown as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.faults.load import COMPARED
from tests.servers.truth import Key, Row, same

COUNTS = ("made", "stored", "missed", "nameless", "quarantined", "lost", "doubled", "invented")
"""The columns; another one appears as soon as an outcome counts it here."""
GAP_COUNTS = ("made", "stored", "refilled", "nameless", "listed", "lost", "doubled", "invented")
EXAMPLES = 3
MUST_BE_ZERO = ("missed", "lost", "doubled", "invented")


@dataclass
class Outcome:
    """The counts of one row, over all its repetitions. `broken` are the repetitions that did not go as they should.

    `may_list`: its ledger may give changes up.
    """

    name: str
    times: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    peak_mebibytes: int = 0
    broken: list[str] = field(default_factory=list)
    may_list: bool = True
    examples: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        zero = MUST_BE_ZERO if self.may_list else (*MUST_BE_ZERO, "listed", "intervals")
        return not self.broken and not any(self.counts[name] for name in zero)

    def add(self, other: Outcome) -> None:
        """Add the outcome of another repetition of the same row."""
        self.times += other.times
        self.counts += other.counts
        self.recoveries += other.recoveries
        self.peak_mebibytes = max(self.peak_mebibytes, other.peak_mebibytes)
        self.broken += other.broken
        self.examples += other.examples


def count(
    truth: dict[Key, Row],
    stored: Iterable[Row],
    *,
    until_ns: int,
    gaps: Iterable[tuple[int, int]],
    committed: set[Key],
    quarantined: set[Key],
    known: Iterable[str] = (),
) -> tuple[Counter[str], list[str]]:
    """Count what was made until a moment: lost is what was neither stored nor accounted for, outside of all gaps.

    A gap is when the service could not hear the home, and misses what is made; what was committed is never missed.
    An entity that is not `known` from before, and stored for the first time behind a gap, is `nameless`: that it had
    come and gone in the gap, no link and no snapshot can tell. An audit brings that. Returns examples of what is wrong.
    """
    rows = list(stored)
    keys = Counter((row["entity_id"], row["time"]) for row in rows)
    made = {key for key in truth if key[1] <= until_ns}
    absent = (made | committed) - keys.keys() - quarantined
    first = dict.fromkeys(known, 0)
    for entity_id, at_ns in keys.keys() | committed:
        first[entity_id] = min(at_ns, first.get(entity_id, at_ns))
    within = [(key, high) for key in absent - committed for low, high in gaps if low <= key[1] <= high]
    nameless = {key for key, high in within if first.get(key[0], high + 1) > high}
    missed = {key for key, _ in within} - nameless
    lost = absent - missed - nameless
    invented = [row for row in rows if not _true(row, truth.get((row["entity_id"], row["time"])))]
    found = Counter(
        made=len(made),
        stored=len(made & keys.keys()),
        missed=len(missed),
        nameless=len(nameless),
        quarantined=len(quarantined - keys.keys()),
        lost=len(lost),
        doubled=keys.total() - len(keys),
        invented=len(invented),
    )
    examples = [f"lost {key} {truth.get(key)}" for key in sorted(lost, key=lambda key: key[1])[:EXAMPLES]]
    examples += [f"missed {key} {truth.get(key)}" for key in sorted(missed, key=lambda key: key[1])[:EXAMPLES]]
    examples += [f"invented {row}, true is {truth.get((row['entity_id'], row['time']))}" for row in invented[:EXAMPLES]]
    return Counter({name: number for name, number in found.items() if number}), examples


def table(outcomes: Iterable[Outcome], counts: Sequence[str] = COUNTS) -> str:
    """Return the outcomes as a table in Markdown."""
    columns = ["fault", "times", *counts, "recovered (median, most)", "peak MB"]
    lines = [columns, [":--", *["--:"] * (len(columns) - 1)], *(_cells(one, counts) for one in outcomes)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(outcome: Outcome, counts: Sequence[str]) -> list[str]:
    numbers = [f"{outcome.counts[name]:,}" for name in counts]
    took = f"{median(outcome.recoveries):.1f} s, {max(outcome.recoveries):.1f} s" if outcome.recoveries else "-"
    name = outcome.name if outcome.holds else f"**{outcome.name}**"
    return [name, str(outcome.times), *numbers, took, str(outcome.peak_mebibytes)]


def _true(row: dict[str, Any], true: Row | None) -> bool:
    """Return whether a row is what happened, as far as it can tell.

    The recorder does not say who caused a change, and a snapshot, known by its lack of persons, not what was before.
    """
    untold = {"caused_by"} if row["caused_by"] is None else {"previous_state"} if row["persons_home"] is None else set()
    names = [name for name in COMPARED if name not in untold]
    return true is not None and all(same(name, true[name], row.get(name)) for name in names)
