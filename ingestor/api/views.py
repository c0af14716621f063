"""What the API shows of the service's inside. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import Raw, Struct
from pydantic import SecretStr

from ingestor.api.models import (
    Configuration,
    ConnectionStatus,
    EventStats,
    Health,
    ServiceStatus,
    Source,
    SystemHealth,
)
from ingestor.api.status import StatusBoard
from ingestor.config import Settings
from ingestor.history.ledger import Gap
from ingestor.model import instants
from ingestor.model.records import Event, WeatherObservation
from ingestor.model.unreadable import UNREADABLE
from ingestor.storage.settings import LiveSettings, SettingsStore
from ingestor.storage.store import Retention

_NOTHING = Raw(b"{}")
_attributes = msgspec.json.Decoder(dict[str, Raw])
_SHOWN_CHARACTERS = 4
_LONG_ENOUGH = 12  # of a shorter secret, four characters would be too much


class _Weather(Struct):
    temperature: float | None
    humidity: float | None
    pressure: float | None
    condition: str | None
    timestamp: str


class _Event(Struct):
    home: str
    entity_id: str
    domain: str
    device_class: str | None
    state_value: str | None
    previous_state: str | None
    timestamp: str
    weather_data: _Weather | None
    attributes: Raw


def events(recent: Sequence[Event]) -> bytes:
    """Return events as a JSON array of `HomeAssistantEvent`; without pydantic, which takes ten times as long."""
    return msgspec.json.encode([_event(event) for event in recent])


class _Listed(Struct):
    entity_id: str
    after: str | None
    until: str | None
    reason: str


class _Gap(Struct):
    id: int
    home: str
    cause: str
    detail: str
    began: str
    ended: str
    state: str
    reason: str
    entities: int
    refilled: int
    listed: list[_Listed]


def gaps(found: Sequence[Gap]) -> bytes:
    """Return gaps as a JSON array of `Gap`."""
    return msgspec.json.encode([_gap(gap) for gap in found])


def health(status: StatusBoard, *, enriching: bool) -> SystemHealth:
    """Return the state of the whole."""
    problems = status.problems | status.warnings
    return SystemHealth(
        service_status=ServiceStatus(
            websocket_client=_health(well="websocket_client" not in problems),
            enrichment_service=_health(well=enriching and "enrichment_service" not in problems),
            influxdb=_health(well="database" not in problems),
            weather_api=_health(well="weather_api" not in problems),
        ),
        event_stats=stats(status),
        connection_status=ConnectionStatus(
            connected=status.connected,
            last_reconnect=_moment(status.last_reconnect),
            reconnect_count=status.reconnects,
        ),
        problems={part: problem.detail for part, problem in problems.items()},
        restarts=status.restarts,
        last_updated=datetime.fromtimestamp(status.clock(), UTC),
    )


def stats(status: StatusBoard) -> EventStats:
    """Return the counts of events."""
    return EventStats(
        events_per_hour=status.events_last_hour,
        total_events_today=status.events_today,
        last_event_time=_moment(status.last_event_at),
        error_rate=status.error_rate_percent,
    )


def configuration(settings: Settings, changeable: SettingsStore, retention: Retention) -> Configuration:
    """Return what the service runs with, secrets masked."""
    live = changeable.current
    sources: dict[str, Source] = {
        name: "api" if name in changeable.changed else "environment" for name in LiveSettings.__struct_fields__
    }
    if not retention.is_ours or retention.days != live.retention_days:
        sources["retention_days"] = "database"
    return Configuration(
        ha_url=settings.ha_url,
        ha_token_masked=masked(settings.ha_token) or "",
        weather_api_key_masked=masked(settings.weather_api_key),
        weather_location=live.weather_location,
        retention_days=retention.days,
        weather_cache_minutes=live.weather_cache_minutes,
        sources=sources,
    )


def masked(secret: SecretStr | None) -> str | None:
    """Return stars with the last four characters; only stars for a short secret."""
    if secret is None:
        return None
    text = secret.get_secret_value()
    return "****" + (text[-_SHOWN_CHARACTERS:] if len(text) >= _LONG_ENOUGH else "")


def _event(event: Event) -> _Event:
    return _Event(
        home=event.series.home,
        entity_id=event.series.entity_id,
        domain=event.series.domain,
        device_class=event.series.device_class,
        state_value=event.state,
        previous_state=event.previous_state,
        timestamp=_iso(event.at_us),
        weather_data=_weather(event.weather) if event.weather else None,
        attributes=_object(event.attributes),
    )


def _object(text: str | None) -> Raw:
    """Return attributes as they are; none where another program wrote what is no JSON: it would spoil the answer."""
    try:
        return Raw(text.encode()) if text and _attributes.decode(text) else _NOTHING
    except UNREADABLE:
        return _NOTHING


def _gap(gap: Gap) -> _Gap:
    return _Gap(
        gap.id,
        gap.home,
        gap.cause,
        gap.detail,
        _iso(gap.from_us),
        _iso(instants.to_us(gap.found_ns)),
        gap.state,
        gap.reason,
        gap.entities,
        gap.refilled,
        [_Listed(one.entity_id, _bound(one.after_us), _bound(one.until_us), one.reason) for one in gap.listed],
    )


def _bound(at_us: int | None) -> str | None:
    return None if at_us is None else _iso(at_us)


def _weather(observation: WeatherObservation) -> _Weather:
    return _Weather(
        observation.temperature,
        observation.humidity,
        observation.pressure,
        observation.condition,
        _iso(observation.observed_at * instants.SECOND_US),
    )


def _iso(at_us: int) -> str:
    return instants.text(at_us).replace("+00:00", "Z")


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _health(*, well: bool) -> Health:
    return "healthy" if well else "unhealthy"
