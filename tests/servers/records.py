"""Records for tests: plain ones, nasty ones, and a strategy for any."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ingestor.model.records import Details, EntityRecord, Event, Series, Statistic, StoreMark, WeatherObservation

SECOND_NS = 10**9
START_NS = 1_795_421_403 * SECOND_NS
WEATHER = WeatherObservation(
    location="52,5", temperature=7.5, humidity=81.0, pressure=1013.0, condition="light rain", observed_at=1_795_421_000
)
DETAILS = Details(
    current_temperature=21.5,
    target_temperature=20.0,
    current_humidity=40.0,
    target_humidity=45.5,
    brightness=128.0,
    position=0.0,
    percentage=33.25,
    volume=0.3,
    battery=99.0,
    action="heating",
    media_title='A, "B" = C',
    source="TV",
    event_type="press",
)
NASTY = 'Café, "front" = \\ 漢😀\nnew line'


def event(number: int = 0, **changes: Any) -> Event:
    """Return an event of `sensor.number_<n mod 10>`, a second after the one before."""
    tags: dict[str, Any] = {name: changes.pop(name) for name in Series.__struct_fields__ if name in changes}
    series = Series(**({"home": "home", "entity_id": f"sensor.number_{number % 10}", "domain": "sensor"} | tags))
    fields: dict[str, Any] = {"time_ns": START_NS + number * SECOND_NS, "state": str(number), "value": float(number)}
    return Event(series=series, **(fields | changes))


def full(number: int = 0) -> Event:
    """Return an event with every tag and every field, and text of every kind."""
    return event(
        number,
        device_class="temperature",
        state_class="measurement",
        area=NASTY,
        floor=NASTY,
        device=NASTY,
        friendly_name=NASTY,
        unit="°C",
        state=NASTY,
        value=-21.5,
        previous_state=NASTY,
        previous_duration_seconds=0.000001,
        attributes='{"list":[1,"two",null],"quote":"\\""}',
        weather=WEATHER,
        details=DETAILS,
        persons_home=2,
        caused_by="automation",
        caused_by_entity="automation.lights",
    )


def removal(number: int = 0) -> Event:
    """Return a removal."""
    return event(number, state=None, value=None, previous_state="5", previous_duration_seconds=3.0, removed=True)


ENTITY = EntityRecord(
    time_ns=START_NS,
    home="home",
    entity_id="sensor.a",
    domain="sensor",
    friendly_name=NASTY,
    device="Device, 1",
    area="Attic",
    floor="Top",
    labels=("a", "b, c"),
    integration="truth",
)

STATISTIC = Statistic(
    time_ns=1_795_420_800 * SECOND_NS,
    home="home",
    entity_id="sensor.a",
    source="recorder",
    unit="kWh",
    mean=1.5,
    min=-1.0,
    max=1e21,
    sum=1234.5678,
    state=0.0,
)

MARK = StoreMark(time_ns=START_NS, home="home, 1", batch=7)

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_name = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_number = st.floats(allow_nan=False, allow_infinity=False)
series = st.builds(
    Series,
    home=_name,
    entity_id=_name,
    domain=_name,
    device_class=st.none() | _text,
    state_class=st.none() | _text,
    area=st.none() | _text,
    floor=st.none() | _text,
    device=st.none() | _text,
    friendly_name=st.none() | _text,
    unit=st.none() | _text,
)
statistics = st.builds(
    Statistic,
    time_ns=st.integers(-(2**62), 2**62),
    home=_name,
    entity_id=_name,
    source=_name,
    unit=st.none() | _text,
    mean=st.none() | _number,
    min=st.none() | _number,
    max=st.none() | _number,
    sum=st.none() | _number,
    state=st.none() | _number,
)
observations = st.builds(
    WeatherObservation,
    location=_name,
    temperature=st.none() | _number,
    humidity=st.none() | _number,
    pressure=st.none() | _number,
    condition=st.none() | _text,
    observed_at=st.integers(0, 2**32),
)
details = st.builds(
    Details,
    current_temperature=st.none() | _number,
    brightness=st.none() | _number,
    media_title=st.none() | _text,
    event_type=st.none() | _text,
)
events = st.builds(
    Event,
    time_ns=st.integers(-(2**62), 2**62),
    series=series,
    state=st.none() | _text,
    value=st.none() | _number,
    previous_state=st.none() | _text,
    previous_duration_seconds=st.none() | _number,
    attributes=st.none() | _text,
    details=st.none() | details,
    weather=st.none() | observations,
    persons_home=st.none() | st.integers(0, 20),
    caused_by=st.none() | st.sampled_from(["user", "automation", "device"]),
    caused_by_entity=st.none() | _text,
    removed=st.booleans(),
)
