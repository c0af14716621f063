"""The one factory of events: a change becomes the same event whether it was heard live, restored or refilled. Pure.

A field that is added to `make_event` is in all of them. What only a live change can tell, its context, is None for
those that come out of the recorder.
"""

from __future__ import annotations

from msgspec import Raw, Struct

from ingestor.enrichment.attributes import NOTHING_KEPT, Attributes, Kept
from ingestor.enrichment.causes import Causes
from ingestor.enrichment.series import NO_ATTRIBUTES, Described, describe, forgets
from ingestor.enrichment.values import value
from ingestor.homeassistant import wire
from ingestor.homeassistant.registry import Registry
from ingestor.model.instants import SECOND_US, change_ns
from ingestor.model.records import Event, WeatherObservation

_NOBODY = Causes()


class Around(Struct, frozen=True, gc=False):
    """The circumstances of a change: the weather, and how many persons were at home; None where it is unknown.

    `causes` is what is known of the contexts of changes.
    """

    weather: WeatherObservation | None = None
    persons_home: int | None = None
    causes: Causes = _NOBODY


class Change(Struct, frozen=True, gc=False):
    """A change, wherever it comes from. No `state` is a removal; `kept` is what is stored of the attributes.

    `previous` is the state before and when it was set, in microseconds. `late` says that it was not heard when it
    happened. The head of `model/instants.py` has the rest.
    """

    at_us: int
    ordinal: int
    state: str | None
    kept: Kept
    previous: tuple[str, int] | None
    context: wire.Context | None = None
    late: bool = False


def make_event(change: Change, described: Described, around: Around) -> Event:
    """Return the event of a change. Raises `ValueError` for one that has no place in a database."""
    at_us, state, previous, series = change.at_us, change.state, change.previous, described.series
    kept, context = change.kept, change.context
    caused_by, cause = (None, None) if context is None else around.causes.of(series.entity_id, context)
    return Event(
        time_ns=change_ns(at_us, change.ordinal),
        series=series,
        state=state,
        value=None if state is None else value(state, described.reading),
        previous_state=None if previous is None else previous[0],
        previous_duration_seconds=None if previous is None else (at_us - previous[1]) / SECOND_US,
        attributes=kept.text,
        details=kept.details,
        weather=around.weather,
        persons_home=around.persons_home,
        caused_by=caused_by,
        caused_by_entity=cause,
        removed=state is None,
        chosen=kept.chosen,
        late=change.late,
    )


def describe_change(
    home: str,
    entity_id: str,
    data: wire.EventData,
    registry: Registry,
    last: Described | None,
    wanted: Attributes,
) -> tuple[Described, Kept]:
    """Return the series of a change, and what is stored of the attributes of its new state; nothing of a removal.

    A removal and an unavailable state carry the tags that the entity had `last`, or else those of the state before;
    an unknown one does where it has lost its unit or its class. Where a text is the same as before, it is the same
    object.
    """
    new, old = data.new_state, data.old_state
    if new is not None and new.state != "unavailable":
        described = describe(home, entity_id, _attributes(new), registry, last, wanted)
        if new.state == "unknown":
            before = last or describe(home, entity_id, _attributes(old), registry, None, wanted)
            if forgets(described.series, before.series):
                return before, described.kept
        return described, described.kept
    described = last or describe(home, entity_id, _attributes(old or new), registry, None, wanted)
    if new is None:
        return described, NOTHING_KEPT
    attributes, integration = _attributes(new), registry.place(entity_id).integration
    kept = wanted.keep(described.series.domain, integration, attributes, registry.temperature_unit)
    return described, kept


def _attributes(state: wire.State | None) -> Raw:
    return NO_ATTRIBUTES if state is None else state.attributes
