"""What tells a person how the service is, put together; nothing, unless it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ingestor.api.status import StatusBoard
from ingestor.assembly.live import endpoint_of
from ingestor.assembly.stages import apart
from ingestor.config import Settings
from ingestor.homeassistant import services
from ingestor.notification.heartbeat import Heartbeat
from ingestor.notification.notifier import Notifier
from metrics import facts
from supervisors import ChildSpec

STALE_SECONDS = 300.0


def tellers(settings: Settings, status: StatusBoard, report: facts.Report) -> Iterator[ChildSpec]:
    """Yield the specs of the notifier of each home, and of the heartbeat; neither counts against live capture."""
    if settings.notify == "home_assistant":
        for home in settings.homes:
            call = partial(services.call, endpoint_of(home), "persistent_notification")
            notifier = Notifier(
                home.name, lambda: status.parts, lambda: status.warnings | status.problems, call, report
            )
            yield apart(f"notifications:{home.name}", notifier)
    if settings.heartbeat_url is not None:
        yield apart("heartbeat", Heartbeat(settings.heartbeat_url, lambda: is_fresh(status), report))


def is_fresh(status: StatusBoard) -> bool:
    """Return whether all is well, and nothing that waits holds up what is stored."""
    return not status.problems and not (status.pending and (status.lag_seconds or 0.0) > STALE_SECONDS)
