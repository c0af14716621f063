"""The shapes of the REST API. Times are ISO 8601, UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ingestor.config import location
from metrics.codes import GapState

Health = Literal["healthy", "unhealthy"]
Source = Literal["environment", "api", "database"]

RowId = Annotated[int, Field(ge=0, lt=2**63)]
"""The id of a row of SQLite, which has 64 bits for it."""


class Probe(BaseModel):
    """Whether all is well, for whatever watches the process.

    `problems` says in words what is not, by part; `warnings` what does not stop the service, and wants to be seen to;
    `codes` has both in one word.
    """

    status: Health
    problems: dict[str, str]
    warnings: dict[str, str]
    codes: dict[str, str]


class ServiceStatus(BaseModel):
    """How each part is. `influxdb` is the store in use, whichever that is."""

    websocket_client: Health
    enrichment_service: Health
    influxdb: Health
    weather_api: Health


class EventStats(BaseModel):
    """Events that this process received, in the last hour and since midnight UTC.

    `error_rate` is the percentage of the last hour's records that were set aside or dropped.
    """

    events_per_hour: int
    total_events_today: int
    last_event_time: datetime | None = None
    error_rate: float


class StoredToday(BaseModel):
    """How many changes of a home the database holds since its last midnight, in Home Assistant's time zone.

    That is `UTC` until Home Assistant has said it. Where the database does not tell, `events` is null, and `reason`
    says why.
    """

    events: int | None
    since: datetime
    time_zone: str
    reason: str = ""


class DayStats(EventStats):
    """The same, and what the database holds of today, whichever process brought it there, by home."""

    stored_today: dict[str, StoredToday]


class ConnectionStatus(BaseModel):
    """The connection to Home Assistant."""

    connected: bool
    last_reconnect: datetime | None = None
    reconnect_count: int


class SystemHealth(BaseModel):
    """The state of the whole; `problems` says in words what is unhealthy, `restarts` which actors were repaired."""

    service_status: ServiceStatus
    event_stats: EventStats
    connection_status: ConnectionStatus
    problems: dict[str, str]
    restarts: dict[str, int]
    last_updated: datetime


class WeatherContext(BaseModel):
    """The weather at an event: degrees Celsius, percent, hectopascal."""

    temperature: float | None = None
    humidity: float | None = None
    pressure: float | None = None
    condition: str | None = None
    timestamp: datetime


class HomeAssistantEvent(BaseModel):
    """A state change in a home. `state_value` is absent on a removal."""

    home: str
    entity_id: str
    domain: str
    device_class: str | None = None
    state_value: str | None = None
    previous_state: str | None = None
    timestamp: datetime
    weather_data: WeatherContext | None = None
    attributes: dict[str, object]


class ListedInterval(BaseModel):
    """Changes of an entity between two times that cannot be refilled, and why; an absent time is not known."""

    entity_id: str
    after: datetime | None
    until: datetime | None
    reason: str


class Gap(BaseModel):
    """A time in which changes were missed. `refilled` of them came out of Home Assistant's recorder.

    `state`: open, filled, partly (see `listed`), tail_unproven (`reason` says why something may be missing unseen), or
    since (the first start: nothing older is promised).
    """

    id: int
    home: str
    cause: str
    detail: str
    began: datetime
    ended: datetime
    state: GapState
    reason: str
    entities: int
    refilled: int
    listed: list[ListedInterval]


class Configuration(BaseModel):
    """What the service runs with; secrets show their last four characters only.

    `retention_days` is for how long the database really keeps events. `sources` says of each setting that may be
    changed what it comes from: the environment, a change through this API, or, of a retention that is not ours to
    change, the database.
    """

    ha_url: str
    ha_token_masked: str
    weather_api_key_masked: str | None = None
    weather_location: str | None = None
    retention_days: int | float
    weather_cache_minutes: float
    sources: dict[str, Source]


class ConfigurationChange(BaseModel):
    """What may be changed. A shorter retention deletes history, and wants `confirm`. Nothing is taken for a number."""

    model_config = ConfigDict(extra="forbid", strict=True)

    weather_location: Annotated[str, AfterValidator(location)] | None = None
    retention_days: Annotated[int, Field(ge=0, le=36_500)] | None = None
    weather_cache_minutes: Annotated[float, Field(ge=1, le=1440)] | None = None
    confirm: bool = False
