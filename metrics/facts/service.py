"""Facts of the service as a whole: its weather, its start and end, its supervisors."""

from __future__ import annotations

from collections.abc import Mapping
from logging import DEBUG, ERROR, WARNING

import supervisors
from metrics import codes
from metrics.codes import BreakerState, ErrorCode, Loss, Telling, WarningCode
from metrics.declarations import HOME, Age, Counter, Gauge, Label, ServiceEvent, Update


class WeatherUpdated(ServiceEvent, frozen=True, kw_only=True):
    """The provider gave an observation of the weather at a home; `observed_at` in Unix seconds."""

    METRICS = (
        Age("ingestor_weather_age_seconds", "Age of the weather in use; -1 while there is none.", HOME).set(
            "observed_at"
        ),
    )

    home: str
    provider: str
    observed_at: int
    summary: str


class WeatherFailed(ServiceEvent, frozen=True, kw_only=True):
    """The provider failed; the cached observation of a home's weather serves on."""

    LEVEL = WARNING
    METRICS = (
        Counter(
            "ingestor_weather_failures", "Requests that the weather provider failed.", HOME, code=codes.WEATHER
        ).inc(),
    )

    home: str
    provider: str
    code: ErrorCode
    detail: str


class BreakerChanged(ServiceEvent, frozen=True, kw_only=True):
    """The circuit breaker of a home's weather changed its state."""

    METRICS = (
        Gauge(
            "ingestor_weather_breaker_state",
            "1 for the state that the breaker is in.",
            HOME,
            start={BreakerState.CLOSED: 1.0},
            state=BreakerState,
        ).set_each("states"),
    )

    home: str
    state: BreakerState

    @property
    def states(self) -> dict[str, float]:
        """1 for the state, 0 for the others."""
        return {state: float(state is self.state) for state in BreakerState}


class ServiceStarted(ServiceEvent, frozen=True, kw_only=True):
    """The service is up since `at`, Unix seconds: where its API listens, where its data goes."""

    METRICS = (Age("ingestor_uptime_seconds", "Time since the service started.").set("at"),)

    at: float
    version: str
    api: str
    store: str


class ServiceStopping(ServiceEvent, frozen=True, kw_only=True):
    """The drain began; `cause` is the signal's name, or the user's wish."""

    cause: str


class ServiceStopped(ServiceEvent, frozen=True, kw_only=True):
    """The service has ended, with this exit code; `pending_events` are in the spool, for the next start."""

    exit_code: int
    pending_events: int


class ServiceMeasured(ServiceEvent, frozen=True, kw_only=True):
    """What the service is at this moment; measured when metrics are asked for.

    `problems` by part and code: 1 for each, and 0 without a code for a part that has none. `states` by the path and the
    state of each actor, `versions` by home and the three versions; `files` are ours, by name.
    """

    LEVEL = DEBUG
    METRICS = (
        Gauge(
            "ingestor_problem",
            "1 for each problem or warning of `/health`; 0, without a code, for a part that has none.",
            Label("part"),
            Label("code"),
        ).replace("problems"),
        Gauge(
            "ingestor_actor_state", "1 for the state that an actor or supervisor is in.", Label("child"), Label("state")
        ).replace("states"),
        Gauge(
            "ingestor_build_info",
            "1; the labels have the versions of the service, of Python, and of a home that was connected once.",
            *map(Label, ("home", "version", "python_version", "home_assistant_version")),
        ).replace("versions"),
        Gauge("ingestor_disk_free_bytes", "Free room on the disk of DATA_DIR.").set("free_bytes"),
        Gauge("ingestor_disk_total_bytes", "Size of the disk of DATA_DIR.").set("total_bytes"),
        Gauge("ingestor_file_bytes", "Size of a file of ours, its log included.", Label("file")).replace("files"),
    )

    problems: dict[tuple[str, str], int]
    states: dict[tuple[str, str], int]
    versions: dict[tuple[str, str, str, str], int]
    free_bytes: int
    total_bytes: int
    files: dict[str, int]


class ProblemsNotified(ServiceEvent, frozen=True, kw_only=True):
    """Home Assistant shows the problems of these parts now, and no longer those of so many others."""

    home: str
    shown: list[str]
    dismissed: int


class TellingFailed(ServiceEvent, frozen=True, kw_only=True):
    """A person was not told, by this way; it is tried again, and said once until it works or fails otherwise."""

    LEVEL = WARNING
    METRICS = (
        Counter(
            "ingestor_telling_failures",
            "Times that a way of telling a person began to fail.",
            way=Telling,
            code=codes.TELLING,
        ).inc(),
    )

    way: Telling
    code: ErrorCode
    detail: str


class Warned(ServiceEvent, frozen=True, kw_only=True):
    """Something that a user must know and that no other fact says."""

    LEVEL = WARNING
    METRICS = (Counter("ingestor_warnings", "Warnings that no other metric tells.", code=codes.WARNINGS).inc(),)

    code: WarningCode | Loss
    detail: str


_CHILD = Label("child", read=lambda event: "/".join(event.path))
_RESTARTS = Counter("ingestor_actor_restarts", "Restarts of an actor or supervisor.", _CHILD)
_CRASHES = Counter("ingestor_actor_crashes", "Crashes of an actor or supervisor.", _CHILD)

SUPERVISION: Mapping[type[supervisors.SupervisorEvent], tuple[int, tuple[Update, ...]]] = {
    supervisors.ChildStarting: (DEBUG, (_RESTARTS.inc(0), _CRASHES.inc(0))),
    supervisors.ChildStarted: (DEBUG, ()),
    supervisors.ChildFailed: (ERROR, (_CRASHES.inc(),)),
    supervisors.ChildRestarting: (WARNING, (_RESTARTS.inc(),)),
    supervisors.ChildStopped: (DEBUG, ()),
    supervisors.ChildStuck: (ERROR, ()),
    supervisors.SupervisorGaveUp: (ERROR, ()),
    supervisors.SupervisorStateChanged: (DEBUG, ()),
}
"""The level and the metrics of each event of the supervisors, which know nothing of either."""
