"""What crosses a channel inside the service. The head of `instants` says what a time is.

Records hold values only and so never a cycle: the garbage collector need not look at them (`gc=False`), which makes
reading them back four times as fast.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias

from msgspec import Struct

from ingestor.model import instants

CausedBy: TypeAlias = Literal["user", "automation", "device"]


class Stored(Struct, frozen=True):
    """Marks an attribute that both databases hold with each event, and says what it means; see `fields`.

    Of a record that the event holds, each field is stored by its own name, behind `prefix`.
    """

    meaning: str
    unit: str = ""
    prefix: str = ""


class Series(Struct, frozen=True, kw_only=True, gc=False, cache_hash=True):
    """The tags of an event: what it is about. An absent tag is unknown. `unit` is the canonical one."""

    home: Annotated[str, Stored("`HOME_NAME`")]
    entity_id: Annotated[str, Stored("the id, as `light.kitchen`")]
    domain: Annotated[str, Stored("the first part of the id, as `light`")]
    device_class: Annotated[str | None, Stored("from the attributes")] = None
    state_class: Annotated[str | None, Stored("from the attributes")] = None
    area: Annotated[str | None, Stored("the entity's own area, or its device's, or that of the device's parent")] = None
    floor: Annotated[str | None, Stored("the floor of that area; Home Assistant 2024.3 does not tell it")] = None
    device: Annotated[str | None, Stored("the name of its device")] = None
    friendly_name: Annotated[str | None, Stored("from the attributes")] = None
    unit: Annotated[str | None, Stored("the canonical unit of `value`")] = None


def bare_series(home: str, entity_id: str) -> Series:
    """Return the series of an entity of which nothing but its id is known."""
    return Series(home=home, entity_id=entity_id, domain=entity_id.partition(".")[0])


class WeatherObservation(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """The weather at a place: degrees Celsius, percent, hectopascal; `observed_at` in Unix seconds by its provider."""

    location: str
    temperature: Annotated[float | None, Stored("the outdoor temperature at that moment", unit="°C")] = None
    humidity: Annotated[float | None, Stored("the relative humidity", unit="%")] = None
    pressure: Annotated[float | None, Stored("the air pressure", unit="hPa")] = None
    condition: Annotated[str | None, Stored("the condition, as `light rain`")] = None
    observed_at: Annotated[int, Stored("Unix time of the observation", unit="s")]

    @property
    def time_ns(self) -> int:
        """Its time, as every point has one."""
        return self.observed_at * instants.SECOND_NS


class Details(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What entities of some domains say in their attributes alone; `enrichment/typed.py` has which ones."""

    current_temperature: Annotated[float | None, Stored("climate, water_heater, weather", unit="°C")] = None
    target_temperature: Annotated[float | None, Stored("climate, water_heater", unit="°C")] = None
    current_humidity: Annotated[float | None, Stored("climate, humidifier, weather", unit="%")] = None
    target_humidity: Annotated[float | None, Stored("climate, humidifier", unit="%")] = None
    brightness: Annotated[float | None, Stored("light: 0 to 255; the recorder does not keep it")] = None
    position: Annotated[float | None, Stored("cover, valve: 100 is open", unit="%")] = None
    percentage: Annotated[float | None, Stored("fan", unit="%")] = None
    volume: Annotated[float | None, Stored("media_player: 0 to 1")] = None
    battery: Annotated[float | None, Stored("any domain: `battery_level` or `battery`", unit="%")] = None
    action: Annotated[str | None, Stored("climate, humidifier: what it does, as `heating`")] = None
    media_title: Annotated[str | None, Stored("media_player")] = None
    source: Annotated[str | None, Stored("media_player")] = None
    event_type: Annotated[str | None, Stored("event")] = None


Chosen: TypeAlias = dict[str, float | str]
"""Attributes that the user chose as fields, by the names of these; a name has one type for ever."""


class Event(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """One state change, enriched. Its time and its series are fixed here, once, and written again unchanged.

    `time_ns` is Home Assistant's `last_updated` (for a removal: when it fired). `state` is absent only on a removal.
    `value` is finite. `attributes` is JSON text, `chosen` are the fields of `ATTRIBUTE_FIELDS`. `late` is not stored:
    the change was missed, and its age says nothing of our speed.
    """

    time_ns: int
    series: Series
    state: Annotated[str | None, Stored("as Home Assistant said it, `unavailable` and `unknown` too")] = None
    value: Annotated[float | None, Stored("see below; absent where nothing is known")] = None
    previous_state: Annotated[str | None, Stored("the state before")] = None
    previous_duration_seconds: Annotated[
        float | None, Stored("the time since the entity's previous event", unit="s")
    ] = None
    attributes: Annotated[str | None, Stored("as JSON, without what is left out; not with `ATTRIBUTES=none`")] = None
    details: Annotated[Details | None, Stored("each field that its domain has")] = None
    weather: Annotated[WeatherObservation | None, Stored("each field of the observation", prefix="weather_")] = None
    persons_home: Annotated[int | None, Stored("persons in the state `home`; absent while none is known")] = None
    caused_by: Annotated[CausedBy | None, Stored("`user`, `automation` or `device`")] = None
    caused_by_entity: Annotated[str | None, Stored("`automation.x`, `script.y` or `person.z`, where known")] = None
    removed: Annotated[bool, Stored("only when the entity was removed: true")] = False
    chosen: Chosen | None = None
    late: bool = False

    @property
    def at_us(self) -> int:
        """The microsecond that it shares with other changes."""
        return instants.to_us(self.time_ns)


class EntityRecord(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """What is known of an entity, written whole on change. `labels` are label names, its device's too, sorted.

    `registry_id` is the registry's own id of it, which stays when it is renamed; an entity without it has only a state.
    """

    time_ns: int
    home: str
    entity_id: str
    domain: str
    friendly_name: str | None = None
    device: str | None = None
    area: str | None = None
    floor: str | None = None
    labels: tuple[str, ...] = ()
    integration: str | None = None
    registry_id: str | None = None
    model: str | None = None
    manufacturer: str | None = None
    entity_category: str | None = None
    disabled: bool = False
    removed: bool = False


ENTITY_TEXTS = (
    *("friendly_name", "device", "area", "floor", "integration"),
    *("registry_id", "model", "manufacturer", "entity_category"),
)
ENTITY_FLAGS = ("disabled", "removed")
"""What both databases hold of an entity beside its labels."""


class Statistic(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """What Home Assistant's long-term statistics say of one hour; `time_ns` is its start.

    `entity_id` is the statistic's own id, which need not be an entity's. Numbers are finite and in the canonical unit.
    """

    time_ns: int
    home: str
    entity_id: str
    source: str
    unit: str | None = None
    mean: float | None = None
    min: float | None = None
    max: float | None = None
    sum: float | None = None
    state: float | None = None


class StoreMark(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Says in the store itself how much it had confirmed: the number of the newest batch, and when."""

    time_ns: int
    home: str
    batch: int


class RawEvent(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """An event that our own code could not decode or enrich: the message as it came, and what went wrong.

    What enrichment knew at that moment is kept beside it, so that it can be done again once the code is mended.
    """

    home: str
    received_at_ns: int
    text: str
    problem: str
    area: str | None = None
    floor: str | None = None
    device: str | None = None
    integration: str | None = None
    temperature_unit: str | None = None
    persons_home: int | None = None
    weather: WeatherObservation | None = None


Point: TypeAlias = Event | EntityRecord | WeatherObservation | Statistic | StoreMark
"""What a store takes."""

Record: TypeAlias = Point | RawEvent
"""What the service keeps until it is in the store, or in the quarantine."""


class Watermark(Struct, frozen=True, kw_only=True):
    """An entity's last captured event: its time (see `Event.time_ns`), its tags, and whether it was a removal.

    An entity that the user has excluded since is `left_out`; `at_ns` is 0 where nothing was captured of it before.
    """

    at_ns: int
    removed: bool
    series: Series
    left_out: bool = False


def ages_seconds(records: Iterable[Record], now_ns: int) -> tuple[float, ...]:
    """Return how old each live event among these is; of a late one its age says nothing."""
    live = [one.time_ns for one in records if isinstance(one, Event) and not one.late]
    return tuple([(now_ns - time_ns) / instants.SECOND_NS for time_ns in live])


def events_in(records: Iterable[object]) -> int:
    """Return how many of these are state changes, read or raw."""
    return sum([isinstance(one, Event | RawEvent) for one in records])


def size_bytes(text: str) -> int:
    """Return the size of a text as UTF-8; that of ASCII, which most is, is known without encoding it."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
