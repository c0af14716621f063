"""What is tried at each home: the checks that are made of what it says, and of the weather at its place."""

from __future__ import annotations

from ingestor.assembly.home import weather_sources
from ingestor.commands.checks.visit import Visit, needed
from ingestor.enrichment.series import device_class
from ingestor.homeassistant.registry import Registry
from ingestor.homeassistant.versions import doubt
from ingestor.homeassistant.wire import State
from ingestor.live.entities import Entities
from ingestor.live.selection import Selection
from ingestor.model.errors import ConfigError, CredentialsRefused, IngestorError
from ingestor.storage.store import Finding
from ingestor.weather.entity import DOMAIN, choose, no_entity, read
from ingestor.weather.observed import coordinates
from ingestor.weather.poller import NOWHERE

CLOCKS_DIFFER_US = 5_000_000


async def version(visit: Visit) -> list[Finding]:
    """Find out whether Home Assistant answers, and whether it is one that we know."""
    url = visit.home.url
    try:
        said = (await visit.session()).version
    except CredentialsRefused:
        return [Finding(detail=f"answers at {url}")]
    return [Finding(detail=f"{said} at {url}", hint=doubt(said))]


async def token(visit: Visit) -> list[Finding]:
    """Find out whether the token may come in, and subscribe to what `run` subscribes to."""
    try:
        await visit.session()
    except CredentialsRefused:
        raise
    except IngestorError:
        await visit.inside()
    return [Finding(detail="accepted")]


async def entities(visit: Visit) -> list[Finding]:
    """Count what INCLUDE and EXCLUDE keep."""
    states, entities = await visit.states(), Entities(Selection(visit.home.include, visit.home.exclude))
    entities.know(Registry((await visit.inside()).results))
    for entity_id, state in states.items():
        entities.classify(entity_id, device_class(state.attributes))
    ids = states.keys()
    kept, slips = sum(map(entities.wants, ids)), entities.unmatched(ids)
    if not kept:
        hint = "; ".join(slips) or "see INCLUDE, EXCLUDE, and what HA_TOKEN may see"
        raise ConfigError([f"none of {len(ids)} is stored"], hint)
    return [Finding(detail=f"{kept} of {len(ids)} are stored", hint="; ".join(slips))]


async def recorder(visit: Visit) -> list[Finding]:
    """Find out whether what is missed can be asked for."""
    if not (await visit.recorder()).is_recording:
        hint = "the log of Home Assistant says why; what is missed until it records cannot be refilled"
        raise ConfigError(["it does not record"], hint)
    return [Finding(detail="records, and may be asked")]


async def clock(visit: Visit) -> list[Finding]:
    """Compare Home Assistant's clock with ours."""
    ahead_us = (await needed(visit.recorder, "the recorder")).ahead_us
    if abs(ahead_us) <= CLOCKS_DIFFER_US:
        return [Finding(detail="agrees with this machine's")]
    difference = f"{abs(ahead_us) / 1e6:.0f} s {'ahead of' if ahead_us > 0 else 'behind'} this machine's"
    hint = "let both be set by NTP: times of gaps and ages in /metrics are wrong by that (docs/clocks.md)"
    return [Finding(detail=difference, hint=hint)]


async def weather(visit: Visit) -> list[Finding]:
    """Read the home's weather entity, or ask for the weather where the home is."""
    sources = weather_sources(visit.settings)
    if sources is NOWHERE:
        return [Finding(detail="off: events are stored without it (WEATHER_PROVIDER=none)")]
    state = await _weather_entity(visit, sources.entity_id) if sources.listens else None
    try:
        if state is not None:
            seen = read(state, None)
            return [Finding(detail=f"{seen.temperature} °C, of {state.entity_id} in Home Assistant")]
        if sources.service is None:
            raise no_entity(sources.entity_id)
        place = visit.settings.weather_location or await _place(visit)
        seen = await sources.service.observe(place)
    except IngestorError as error:
        hint = "; ".join(filter(None, ["until then events are stored without weather", error.hint]))
        return [Finding(works=False, detail=str(error), hint=hint)]
    return [Finding(detail=f"{sources.service.name}: {seen.temperature} °C at {seen.location}")]


async def _weather_entity(visit: Visit, wanted: str | None) -> State | None:
    states = await visit.states()
    return choose({of: state for of, state in states.items() if of.startswith(DOMAIN)}, wanted, None)


async def _place(visit: Visit) -> str:
    found = await visit.config()
    if not (found.latitude or found.longitude):  # what it says until somebody sets it
        hint = "set it there (Settings > System > General), or set WEATHER_LOCATION"
        raise ConfigError(["not asked: Home Assistant does not know where it is"], hint)
    return coordinates(found.latitude or 0, found.longitude or 0)
