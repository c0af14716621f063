"""Facts of a home's connection, and of what comes over it."""

from __future__ import annotations

from logging import DEBUG, INFO, WARNING

from metrics import codes
from metrics.codes import ErrorCode, IgnoredCode, Leaving, SkippedCode
from metrics.declarations import HOME, Counter, Gauge, ServiceEvent

_CONNECTED = Gauge("ingestor_connected", "1 while the home is connected and subscribed.", HOME)
_PAUSED = Gauge("ingestor_home_paused", "1 while the home is left alone for want of room.", HOME)


class FramesReceived(ServiceEvent, frozen=True, kw_only=True):
    """Text frames came from a home's socket."""

    LEVEL = DEBUG
    METRICS = (
        Counter("ingestor_frames_received", "Text frames received from Home Assistant.", HOME).inc("frames"),
        Counter("ingestor_received_bytes", "Size of the text frames received, uncompressed.", HOME).inc("size_bytes"),
    )

    home: str
    frames: int
    size_bytes: int


class ChangesReceived(ServiceEvent, frozen=True, kw_only=True):
    """State changes came from a home; `links` of them were compared with the last captured ones before them.

    `broken` did not follow: something was missed; a snapshot shows it, too. What is stored of the changes, and what is
    not, is told apart from that.
    """

    LEVEL = DEBUG
    METRICS = (
        Counter("ingestor_events_received", "State changes that Home Assistant has sent.", HOME).inc("changes"),
        Counter("ingestor_links", "Changes compared with the last captured one before them.", HOME).inc("links"),
        Counter("ingestor_links_broken", "Changes that did not follow: something was missed.", HOME).inc("broken"),
    )

    home: str
    changes: int
    links: int = 0
    broken: int = 0


class EventsReceived(ServiceEvent, frozen=True, kw_only=True):
    """Events of a home were made, to be stored: of state changes, and `restored` ones of the states before them."""

    LEVEL = DEBUG
    METRICS = (
        Counter("ingestor_events_restored", "Events made of a snapshot, or of the state before a change.", HOME).inc(
            "restored"
        ),
    )

    home: str
    events: int
    newest_ns: int
    restored: int = 0


class EventSkipped(ServiceEvent, frozen=True, kw_only=True):
    """Events were left out on purpose."""

    LEVEL = DEBUG
    METRICS = (
        Counter("ingestor_events_skipped", "State changes left out on purpose.", HOME, code=SkippedCode).inc("events"),
    )

    home: str
    code: SkippedCode
    events: int = 1


class MessageIgnored(ServiceEvent, frozen=True, kw_only=True):
    """A message that we do not understand was skipped, or one state of a snapshot."""

    LEVEL = WARNING
    METRICS = (
        Counter("ingestor_messages_ignored", "Messages that were not understood.", HOME, code=IgnoredCode).inc(),
    )

    home: str
    code: IgnoredCode
    detail: str


class EntitiesSelected(ServiceEvent, frozen=True, kw_only=True):
    """A home has so many entities, and INCLUDE and EXCLUDE leave so many of them to be stored."""

    METRICS = (
        Gauge("ingestor_entities", "Entities of the home.", HOME).set("entities"),
        Gauge("ingestor_entities_selected", "Entities that INCLUDE and EXCLUDE leave to be stored.", HOME).set(
            "selected"
        ),
    )

    home: str
    entities: int
    selected: int

    @property
    def level(self) -> int:
        """How loudly the log says it: nothing is stored where nothing is selected."""
        return self.LEVEL if self.selected or not self.entities else WARNING


class SessionOpened(ServiceEvent, frozen=True, kw_only=True):
    """A home's socket logged in and subscribed."""

    METRICS = (
        _CONNECTED.set(1),
        Counter("ingestor_sessions", "Sessions that logged in and subscribed.", HOME).inc(),
    )

    home: str
    session: int
    version: str


class SessionClosed(ServiceEvent, frozen=True, kw_only=True):
    """A home's open session ended."""

    LEVEL = WARNING
    METRICS = (
        _CONNECTED.set(0),
        Counter("ingestor_sessions_closed", "Sessions that ended.", HOME, code=codes.SESSION_ENDS).inc(),
    )

    home: str
    session: int
    code: ErrorCode | Leaving
    detail: str

    @property
    def level(self) -> int:
        """How loudly the log says it: a session has to end when the service does."""
        return INFO if self.code == Leaving.SHUTDOWN else self.LEVEL


class ConnectFailed(ServiceEvent, frozen=True, kw_only=True):
    """A home could not be reached or refused the token; the next try comes after `retry_seconds`."""

    LEVEL = WARNING
    METRICS = (
        _CONNECTED.set(0),
        Counter("ingestor_connect_failures", "Tries that brought no session.", HOME, code=codes.CONNECTION).inc(),
    )

    home: str
    code: ErrorCode
    detail: str
    retry_seconds: float


class HomePaused(ServiceEvent, frozen=True, kw_only=True):
    """A home's connection closes until there is room again; `code`: spool_full, or the disk's failure."""

    LEVEL = WARNING
    METRICS = (_PAUSED.set(1),)

    home: str
    code: str
    detail: str


class HomeResumed(ServiceEvent, frozen=True, kw_only=True):
    """A home that paused connects again."""

    METRICS = (_PAUSED.set(0),)

    home: str
