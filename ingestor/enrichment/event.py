"""The one factory of events: a change becomes the same event whether it was heard live, restored or refilled. Pure.

A field that is added to `make_event` is in all of them. What only a live change can tell, its context, is None for
those that come out of the recorder.
"""

from __future__ import annotations

from msgspec import Struct

from ingestor.enrichment.series import Described, describe
from ingestor.enrichment.values import value
from ingestor.homeassistant import wire
from ingestor.homeassistant.registry import Registry
from ingestor.model.instants import SECOND_US, change_ns
from ingestor.model.records import CausedBy, Event, WeatherObservation


class Around(Struct, frozen=True, gc=False):
    """The circumstances of a change: the weather, and how many persons were at home; None where it is unknown."""

    weather: WeatherObservation | None = None
    persons_home: int | None = None
    with_attributes: bool = True


class Change(Struct, frozen=True, gc=False):
    """A change, wherever it comes from. No `state` is a removal; `attributes` is JSON text.

    `previous` is the state before and when it was set, in microseconds. `late` says that it was not heard when it
    happened. The head of `model/instants.py` has the rest.
    """

    at_us: int
    ordinal: int
    state: str | None
    attributes: str | None
    previous: tuple[str, int] | None
    context: wire.Context | None = None
    late: bool = False


def make_event(change: Change, described: Described, around: Around) -> Event:
    """Return the event of a change. Raises `ValueError` for one that has no place in a database."""
    at_us, state, previous, series = change.at_us, change.state, change.previous, described.series
    return Event(
        time_ns=change_ns(at_us, change.ordinal),
        series=series,
        state=state,
        value=None if state is None else value(series.domain, state, described.conversion),
        previous_state=None if previous is None else previous[0],
        previous_duration_seconds=None if previous is None else (at_us - previous[1]) / SECOND_US,
        attributes=change.attributes if around.with_attributes and state is not None else None,
        weather=around.weather,
        persons_home=around.persons_home,
        caused_by=None if change.context is None else _caused_by(change.context),
        removed=state is None,
        late=change.late,
    )


def describe_change(
    home: str, entity_id: str, data: wire.EventData, registry: Registry, last: Described | None
) -> tuple[Described, str | None]:
    """Return the series of a change and the attributes of its new state, as text; None on a removal.

    A removal and an unavailable state carry the tags that the entity had `last`, or else those of the state before.
    Where a text is the same as before, it is the same object.
    """
    new, old = data.new_state, data.old_state
    attributes = None if new is None else _text(new)
    source = attributes
    if new is None or new.state == "unavailable":
        if last is not None:
            return last, attributes
        source = attributes if old is None else _text(old)
    described = describe(home, entity_id, "{}" if source is None else source, registry, last)
    return described, described.attributes if source is attributes and source is not None else attributes


def _text(state: wire.State) -> str:
    return str(bytes(state.attributes), "utf-8")


def _caused_by(context: wire.Context) -> CausedBy:
    if context.user_id:
        return "user"
    return "automation" if context.parent_id else "device"
