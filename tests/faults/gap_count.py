"""What became of all that a home made while the service was there, away or deaf: counted against its own ledger. Pure.

There are no windows in which a change may be missed: it is stored, in quarantine, given up by the ledger, or lost.

A refilled row, known by its lack of `caused_by`, lacks what the recorder does not keep or answer. So of no row are
compared: the attributes (over 16 KiB they come as `{}`, some are never recorded), who was at home, the weather; the
area has to be one in which the entity was. Of a refilled row `caused_by` is not compared. What was before an entity's
first change after a restart is not compared: it looks to the recorder like any other; nor what was before a change in
what the ledger gives up; nor what was before a change when that was without JSON: Home Assistant tells neither of the
two, and records only the second; nor in a time that a home has lived through twice, its clock having been set back: a
recorder knows no order but that of times. Of a refilled row of before the service began, which such a clock has brought
in, only the state is compared. Nor are the tags of an entity whose first row is one that Home Assistant `restored` at a
start, without attributes: what they were before, the service never heard. An area that is absent had not been told yet.

Nobody can be asked for four kinds of change, which are counted as `nameless`: one whose attributes have no JSON, which
is neither told nor recorded; one at the start of Home Assistant, before its recorder listens; the removal of an id that
an entity had before it was renamed, which is not recorded once its history has moved; and those of an entity that came
and went within a gap and was never known before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from tests.faults.home_truth import COMPARED, Made
from tests.faults.ledgers import Listed, Told
from tests.servers.truth import Key, Row, same

PREVIOUS = ("previous_state", "previous_duration_seconds")
TAGS = ("device_class", "state_class", "friendly_name", "unit")

_UNORDERED_NS = 10**9  # a change may be told a moment after a later one
_BEHIND_NS = 900 * 10**9  # within it every entity changes


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What is counted: what was made between two moments (ns, true), and what is known beside the rows."""

    from_ns: int
    until_ns: int
    told: Told
    quarantined: AbstractSet[Key] = frozenset()
    areas: Mapping[str, AbstractSet[Any]] = field(default_factory=dict)
    today: Callable[[str], str] = lambda entity_id: entity_id


def count(changes: Mapping[Key, Made], stored: Iterable[Row], frame: Frame) -> tuple[Counter[str], list[str]]:
    """Return the counts, and of each kind that must not be a few examples."""
    truth = {(frame.today(entity_id), at): (made, entity_id) for (entity_id, at), made in changes.items()}
    rows = [((frame.today(row["entity_id"]), row["time"]), row) for row in stored]
    keys = Counter(key for key, _ in rows)
    counted = [key for key, (made, _) in truth.items() if frame.from_ns < made.true_ns <= frame.until_ns]
    quarantined = {(frame.today(entity_id), at) for entity_id, at in frame.quarantined} - keys.keys()
    live = {key for key, row in rows if row["caused_by"] is not None}
    excused = given_up({key: made for key, (made, _) in truth.items()}, live, frame.told, frame.today)
    absent = [key for key in counted if key not in keys and key not in quarantined]
    nameless = _nameless(truth, keys.keys())
    listed = [key for key in absent if key in excused and key not in nameless]
    lost = [key for key in absent if key not in excused and key not in nameless]
    twice = _lived_twice([(at, made.true_ns) for (_, at), (made, _) in truth.items()])
    untagged = _restored_at_first(rows, truth)
    wrong = [
        f"{key} {problem}"
        for key, row in rows
        if (problem := _problem(row, truth.get(key), frame, excused=key in excused or _is_within(key[1], twice),
                                untagged=key in untagged, vanished=_vanished(key, row, truth)))
    ]  # fmt: skip
    found = Counter(
        made=len(counted),
        stored=sum(key in keys for key in counted),
        nameless=len(absent) - len(lost) - len(listed),
        refilled=frame.told.refilled,
        quarantined=len(quarantined),
        listed=len(listed),
        intervals=len(frame.told.listed),
        lost=len(lost),
        doubled=keys.total() - len(keys),
        invented=len(wrong),
    )
    examples = [f"lost {key}" for key in lost[:5]] + [f"listed {key}" for key in listed[:5]] + wrong[:5]
    examples += [f"doubled {key}" for key in keys if keys[key] > 1][:5]
    return Counter({name: number for name, number in found.items() if number}), examples


def given_up(
    changes: Mapping[Key, Made], live: AbstractSet[Key], told: Told, today: Callable[[str], str] = str
) -> set[Key]:
    """Return the changes that a ledger gives up. Bounds are found by their order: a clock may have been set back."""
    of: dict[str, list[int]] = defaultdict(list)
    for entity_id, at in changes:
        of[entity_id].append(at)
    found: set[Key] = set()
    for one in told.listed:
        entity_id = today(one.entity_id)
        times = of[entity_id]
        first, last = _bounds(times, one, {place for place, at in enumerate(times) if (entity_id, at) in live})
        found |= {(entity_id, at) for at in times[first:last]}
    for from_us, until_ns in told.unproven:
        began_ns = max((made.true_ns for (_, at), made in changes.items() if at // 1000 == from_us), default=0)
        found |= {key for key, made in changes.items() if began_ns < made.true_ns <= until_ns}
    return found


def _lived_twice(times: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans that a clock went through again, from pairs of a home's time and the true one.

    They reach to the first change behind them, whose predecessor is in them.
    """
    spans: list[tuple[int, int]] = []
    newest = 0
    for at, _ in sorted(times, key=lambda pair: pair[1]):
        if at < newest - _UNORDERED_NS and not (spans and spans[-1][0] <= at <= spans[-1][1]):
            spans.append((at, newest + _BEHIND_NS))
        newest = max(newest, at)
    return spans


def _is_within(at: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(low <= at <= high for low, high in spans)


def _nameless(truth: Mapping[Key, tuple[Made, str]], stored: AbstractSet[Key]) -> set[Key]:
    """Return what nobody was told, and lives of entities, from creation to removal, before which nothing was stored."""
    found = {
        key
        for key, (made, entity_id) in truth.items()
        if not made.tellable or (made.row["removed"] and entity_id != key[0])
    }
    lives: dict[str, list[Key]] = defaultdict(list)
    known: set[str] = set()
    for key, (made, _) in truth.items():
        entity_id = key[0]
        if key in stored:
            known.add(entity_id)
        lives[entity_id].append(key)
        if made.row["removed"]:
            found |= set() if entity_id in known else set(lives[entity_id])
            lives[entity_id] = []
    return found


def _bounds(times: Sequence[int], one: Listed, live: AbstractSet[int]) -> tuple[int, int]:
    first = 0
    if one.after_us is not None:
        same_us = [place for place, at in enumerate(times) if at // 1000 == one.after_us]
        first = same_us[-1] + 1 if same_us else bisect_right(times, one.after_us * 1000 + 999)
    if one.until_us is None:
        return first, min((place for place in live if place >= first), default=len(times))
    same_us = [place for place, at in enumerate(times) if at // 1000 == one.until_us and place >= first]
    return first, same_us[0] + 1 if same_us else bisect_left(times, (one.until_us + 1) * 1000)


def _restored_at_first(rows: Iterable[tuple[Key, Row]], truth: Mapping[Key, tuple[Made, str]]) -> set[Key]:
    """Return the first row of each entity of which the home has then restored a state."""
    firsts: dict[str, Key] = {}
    for key, _ in rows:
        firsts[key[0]] = min(key, firsts.get(key[0], key))
    return {key for key in firsts.values() if key in truth and truth[key][0].restored}


def _vanished(key: Key, row: Row, truth: Mapping[Key, tuple[Made, str]]) -> bool:
    """Return whether a removal is of what nobody saw go: of an older id, or of what a restart did not bring back.

    Such a one is behind the last change before the restart; what was made next tells, wherever the clock was then.
    """
    if not row["removed"] or row["entity_id"] != key[0]:
        return bool(row["removed"])
    own = [(at, made) for (of, at), (made, _) in truth.items() if of == key[0]]
    _, before = max([one for one in own if one[0] < key[1]], key=lambda one: one[0], default=(0, None))
    later = [made for _, made in own if before is None or made.true_ns > before.true_ns]
    return not later or min(later, key=lambda made: made.true_ns).first


def _problem(
    row: Row, true: tuple[Made, str] | None, frame: Frame, *, excused: bool, untagged: bool, vanished: bool
) -> str:
    """Return what a stored row says wrongly."""
    if true is None:
        return "" if vanished else "was never made"
    made, entity_id = true
    refilled = row["caused_by"] is None
    since_ever = made.true_ns <= frame.from_ns and row["previous_state"] is None
    names = [name for name in COMPARED if not (refilled and name == "caused_by")]
    if refilled and made.true_ns <= frame.from_ns:
        names = ["state", "removed"]
    if excused or since_ever or made.first or made.behind_untold:
        names = [name for name in names if name not in PREVIOUS]
    if untagged:
        names = [name for name in names if name not in TAGS]
    wrong = [name for name in names if not same(name, made.row[name], row.get(name))]
    told = [f"{name} is {row[name]!r}, was {made.row.get(name)!r}" for name in wrong]
    if frame.areas and row["area"] not in frame.areas[entity_id] | {None}:
        told.append(f"area is {row['area']!r}")
    return f"{'refilled ' if refilled else ''}{', '.join(told)}" if told else ""
