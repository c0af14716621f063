"""Every value that a label of a metric can have, so that each series is at 0 from the start.

`increase()` does not see the first failure of a series that begins with it. Facts carry members of these enums, errors
members of `ErrorCode`; the groups below it say which errors a part of the service can end in.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """What went wrong, in one word; the sentence beside it says more."""

    CONFIG = "config"

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    FORBIDDEN = "forbidden"
    INTERNAL = "internal"

    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    PROTOCOL = "protocol"
    CREDENTIALS_REFUSED = "credentials_refused"
    LOGIN_TIMEOUT = "login_timeout"
    SUBSCRIPTION_REFUSED = "subscription_refused"
    PING_TIMEOUT = "ping_timeout"
    OVERSIZED_FRAME = "oversized_frame"

    STARTING = "starting"
    UNKNOWN_COMMAND = "unknown_command"
    UNAUTHORIZED = "unauthorized"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    PENDING = "pending"

    DISK = "disk"
    DISK_FULL = "disk_full"
    READ_ONLY = "read_only"
    CAN_NOT_OPEN = "can_not_open"
    LOCKED = "locked"
    CORRUPT = "corrupt"
    SQLITE = "sqlite"

    NO_ANSWER = "no_answer"
    WRONG_SERVER = "wrong_server"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    HTTP_401 = "http_401"
    HTTP_403 = "http_403"
    HTTP_404 = "http_404"
    KEY_REFUSED = "key_refused"
    QUOTA = "quota"
    NO_PLACE = "no_place"
    NO_ENTITY = "no_entity"
    IMPLAUSIBLE = "implausible"

    REJECTED = "rejected"
    FIELD_CONFLICT = "field_conflict"
    UNDECODABLE = "undecodable"
    QUARANTINE_FULL = "quarantine_full"


_SOCKET = (
    ErrorCode.UNREACHABLE,
    ErrorCode.TLS,
    ErrorCode.TIMEOUT,
    ErrorCode.CLOSED,
    ErrorCode.PROTOCOL,
    ErrorCode.CREDENTIALS_REFUSED,
)
CONNECTION = (
    *_SOCKET,
    ErrorCode.LOGIN_TIMEOUT,
    ErrorCode.SUBSCRIPTION_REFUSED,
    ErrorCode.PING_TIMEOUT,
    ErrorCode.OVERSIZED_FRAME,
)
"""Of the connection to a home."""

REFUSALS = (ErrorCode.UNKNOWN_COMMAND, ErrorCode.UNAUTHORIZED, ErrorCode.REFUSED)
"""Home Assistant's own: the last one stands for every word but those."""

RECORDER = (*_SOCKET, ErrorCode.STARTING, *REFUSALS, ErrorCode.TOO_LARGE)
"""Of Home Assistant's recorder."""

TELLING = (*_SOCKET, ErrorCode.NO_ANSWER, ErrorCode.SERVER_ERROR, ErrorCode.REFUSED)
"""Of a notification or a heartbeat."""

DISK = (
    ErrorCode.DISK,
    ErrorCode.DISK_FULL,
    ErrorCode.READ_ONLY,
    ErrorCode.CAN_NOT_OPEN,
    ErrorCode.LOCKED,
    ErrorCode.CORRUPT,
    ErrorCode.SQLITE,
)
"""Of a file of ours, the embedded database included."""

STORE = (
    ErrorCode.NO_ANSWER,
    ErrorCode.WRONG_SERVER,
    ErrorCode.TLS,
    ErrorCode.SERVER_ERROR,
    ErrorCode.OVERLOADED,
    ErrorCode.HTTP_401,
    ErrorCode.HTTP_403,
    ErrorCode.HTTP_404,
)
"""Of a database that is a server."""

WEATHER = (
    ErrorCode.NO_ANSWER,
    ErrorCode.SERVER_ERROR,
    ErrorCode.REFUSED,
    ErrorCode.HTTP_404,
    ErrorCode.QUOTA,
    ErrorCode.KEY_REFUSED,
    ErrorCode.PROTOCOL,
    ErrorCode.IMPLAUSIBLE,
    ErrorCode.NO_PLACE,
    ErrorCode.NO_ENTITY,
)
"""Of the provider of the weather, and of what it was not asked for."""

QUARANTINE = (ErrorCode.REJECTED, ErrorCode.FIELD_CONFLICT, ErrorCode.UNDECODABLE, ErrorCode.SERVER_ERROR)
"""Of records that are set aside."""

HOLDING = (*DISK, ErrorCode.QUARANTINE_FULL)
"""Of what has to be captured or set aside: the disk, or the quarantine itself."""

WRITE = (*STORE, *DISK)
"""Of a write to the store, whichever it is."""

REQUEST = (
    ErrorCode.INVALID,
    ErrorCode.NOT_FOUND,
    ErrorCode.CONFLICT,
    ErrorCode.FORBIDDEN,
    ErrorCode.INTERNAL,
)
"""Of a command or a request: whoever asks gets it as the answer, and no metric carries it."""

REFILL = (*RECORDER, *DISK, ErrorCode.CONFIG)
"""Of a refill: it asks the recorder, and keeps what it gets in files of ours."""

AUDIT = (*REFILL, ErrorCode.PENDING, *STORE)
"""Of an audit: it asks the store, too, and only when everything is settled."""


class Leaving(StrEnum):
    """Why a connection ended on our side."""

    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    CRASH = "crash"


SESSION_ENDS = (*Leaving, *CONNECTION)


class IgnoredCode(StrEnum):
    """Why a message had no effect."""

    MALFORMED_FRAME = "malformed_frame"
    MALFORMED_STATE = "malformed_state"
    UNKNOWN_MESSAGE = "unknown_message"
    COMMAND_FAILED = "command_failed"


class SkippedCode(StrEnum):
    """Why an event was left out on purpose: a rule of `EXCLUDE`, none of `INCLUDE`, or because it is known already."""

    EXCLUDED_BY_ENTITY = "excluded_by_entity"
    EXCLUDED_BY_LABEL = "excluded_by_label"
    EXCLUDED_BY_GLOB = "excluded_by_glob"
    EXCLUDED_BY_AREA = "excluded_by_area"
    EXCLUDED_BY_DEVICE_CLASS = "excluded_by_device_class"
    EXCLUDED_BY_INTEGRATION = "excluded_by_integration"
    EXCLUDED_BY_DOMAIN = "excluded_by_domain"
    EXCLUDED_BY_STATISTIC = "excluded_by_statistic"
    NOT_INCLUDED = "not_included"
    REPEATED = "repeated"


class DropReason(StrEnum):
    """Why records are gone for good."""

    SPOOL_DAMAGED = "spool_damaged"
    SHUTDOWN = "shutdown"


class Loss(StrEnum):
    """What was lost or replaced behind our back; everything is compared with the recorder then."""

    SPOOL_LOST = "spool_lost"
    STATE_LOST = "state_lost"
    STORE_RESTORED = "store_restored"


class GapCause(StrEnum):
    """Why there is a gap, beside the errors of a connection, a pause and a loss."""

    FIRST_START = "first_start"
    SERVICE_DOWN = "service_down"
    CRASH = "crash"
    CLOSED_BY_HOME = "closed_by_home"
    HOME_RESTART = "home_restart"
    BROKEN_LINK = "broken_link"
    AUDIT = "audit"
    CLOCK_SET_BACK = "clock_set_back"


GAP_CAUSES = (*GapCause, *Loss, Leaving.PAUSED, *CONNECTION)


class GapState(StrEnum):
    """What became of a gap; `since` is not a gap but the first start, from which on everything is promised."""

    OPEN = "open"
    FILLED = "filled"
    PARTLY = "partly"
    TAIL_UNPROVEN = "tail_unproven"
    SINCE = "since"


GAP_ENDS = (GapState.FILLED, GapState.PARTLY, GapState.TAIL_UNPROVEN)


class JobKind(StrEnum):
    """What compares a span of time with the recorder."""

    AUDIT = "audit"
    BACKFILL = "backfill"
    LOSS = "loss"
    CLOCK = "clock"


class JobEnd(StrEnum):
    """How a job ended."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Window(StrEnum):
    """A length of time until now."""

    HOUR = "1h"
    DAY = "1d"
    WEEK = "7d"
    MONTH = "30d"


class WarningCode(StrEnum):
    """What a user must know beside a loss."""

    UNKNOWN_SETTING = "unknown_setting"
    STATE_DAMAGED = "state_damaged"
    NOT_PRIVATE = "not_private"
    RETENTION = "retention"
    CHANGED_SETTING = "changed_setting"
    VERSION_UNTRIED = "version_untried"
    LEDGER = "ledger"
    BACKFILL = "backfill"
    SELECTION = "selection"


WARNINGS = (*WarningCode, *Loss)


class Telling(StrEnum):
    """How the service tells a person of itself."""

    NOTIFICATION = "notification"
    HEARTBEAT = "heartbeat"


class BreakerState(StrEnum):
    """CLOSED lets requests pass, OPEN does not, HALF_OPEN lets one pass to see."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"
