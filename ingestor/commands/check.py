"""`ingestor check`: tries everything that a run needs, and says for each failure what to do."""

from __future__ import annotations

import trio
from msgspec.structs import replace
from trio_websocket import ConnectionClosed

from ingestor.assembly.files import STATE_FILE, make_store
from ingestor.assembly.home import make_provider
from ingestor.assembly.live import endpoint_of
from ingestor.assembly.lock import running_api
from ingestor.assembly.offline import reading
from ingestor.config import HomeSettings, Settings
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.session import Phase, Session
from ingestor.model import disk
from ingestor.model.errors import CredentialsRefused, IngestorError, Unavailable, first
from ingestor.storage.database import Outdated
from ingestor.storage.settings import LiveSettings
from ingestor.storage.store import Finding
from ingestor.weather.poller import coordinates
from metrics.codes import ErrorCode

TIMEOUT_SECONDS = 15.0


async def check(settings: Settings) -> list[Finding]:
    """Return what was found, in the order of the flow. Changes nothing."""
    found: list[Finding] = []
    for home in settings.homes:
        findings = await _home(home)
        whose = f" of {home.name}" if len(settings.homes) > 1 else ""
        found += [replace(one, subject=f"{one.subject}{whose}") for one in findings]
    live = LiveSettings(
        weather_location=settings.weather_location,
        retention_days=settings.retention_days,
        weather_cache_minutes=settings.weather_cache_minutes,
    )
    found.append(await _data_dir(settings))
    store = make_store(settings, live, lambda _fact: None)
    try:
        found += await store.check()
    finally:
        await store.aclose()
    return [*found, await _weather(settings)]


async def _home(home: HomeSettings) -> list[Finding]:
    endpoint = endpoint_of(home)
    session = Session(endpoint.token())
    failure: BaseException | None = None
    try:
        with trio.fail_after(TIMEOUT_SECONDS):
            await _log_in(endpoint, session)
    except* (IngestorError, ConnectionClosed, trio.TooSlowError) as group:
        failure = first(group)
    match failure:
        case None:
            return [
                Finding(subject="Home Assistant", works=True, detail=f"{session.version} at {home.url}"),
                Finding(subject="token", works=True, detail="accepted"),
            ]
        case CredentialsRefused():
            return [
                Finding(subject="Home Assistant", works=True, detail=f"answers at {home.url}"),
                Finding(subject="token", works=False, detail=str(failure), hint=failure.hint),
            ]
        case IngestorError():
            return _unreachable(failure)
        case _:
            said = f"{home.url} did not answer the login within {TIMEOUT_SECONDS:g} s"
            return _unreachable(Unavailable(said, code=ErrorCode.LOGIN_TIMEOUT))


async def _log_in(endpoint: Endpoint, session: Session) -> None:
    async with endpoint.open() as socket:
        while session.is_at(Phase.GREETING) or session.is_at(Phase.LOGIN):
            frame = await socket.get_message()
            for answer in session.receive(frame if isinstance(frame, str) else frame.decode(errors="replace")):
                await socket.send_message(answer)


def _unreachable(error: IngestorError) -> list[Finding]:
    return [
        Finding(subject="Home Assistant", works=False, detail=str(error), hint=error.hint),
        Finding(subject="token", works=False, detail="not tried", hint="first Home Assistant has to answer"),
    ]


async def _data_dir(settings: Settings) -> Finding:
    """Try what a run keeps beside the database: nothing is made, and nothing changed."""
    subject, path = "DATA_DIR", settings.data_dir / STATE_FILE
    try:
        running_api(settings.data_dir)
        if disk.lacks(path):
            return Finding(subject=subject, works=True, detail=f"{settings.data_dir}; used by no run yet")
        async with reading(settings) as state:
            if state is not None:
                await state.run(lambda connection: connection.execute("BEGIN IMMEDIATE").execute("ROLLBACK"))
    except Outdated:
        return Finding(subject=subject, works=True, detail=f"{settings.data_dir}; the next run upgrades its files")
    except IngestorError as error:
        return Finding(subject=subject, works=False, detail=str(error), hint=error.hint)
    return Finding(subject=subject, works=True, detail=str(settings.data_dir))


async def _weather(settings: Settings) -> Finding:
    provider = make_provider(settings)
    if provider is None:
        return Finding(subject="weather", works=True, detail="off: events are stored without it (no WEATHER_API_KEY)")
    try:
        seen = await provider.observe(settings.weather_location or coordinates(0, 0))
    except IngestorError as error:
        hint = f"{error.hint}; until then events are stored without weather"
        return Finding(subject="weather", works=False, detail=str(error), hint=hint)
    return Finding(subject="weather", works=True, detail=f"{provider.name}: {seen.temperature} °C at {seen.location}")
