"""Points in time: what they are here, how far they reach, how they are written. All arithmetic is in integers.

A time is what Home Assistant says of a change: Unix microseconds, UTC. Names of such numbers end in `_us`. Its clock is
no finer, so several changes of one entity can fall into one microsecond. Databases keep nanoseconds: three digits that
Home Assistant leaves free. They hold the ordinal, which counts those changes from 0 in the order of their arrival:

    time_ns = 1000 * at_us + ordinal            at_us, ordinal = divmod(time_ns, 1000)

    12:00:00.123456, the first change           ...123456000
    12:00:00.123456, the second one             ...123456001
    12:00:00.123457, the next microsecond       ...123457000

So (home, entity, `time_ns`) names one change for ever: writing it twice stores it once, and two never share a place. A
change has no place where 64 bits do not hold its nanoseconds, or behind a thousand others in one microsecond. It is
refused then, since it would take the place of another. Other names in `_ns`, as `received_at_ns`, are readings of our
own clock and have no ordinal.

    FIRST_US    1677-09-21T00:12:43.145226+00:00
    LAST_US     2262-04-11T23:47:16.854774+00:00        its last ordinal still fits, in InfluxDB too

The text of a time is ISO 8601 in UTC with six digits, as Home Assistant writes it and as its recorder is asked.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

SECOND_US = 10**6
SECOND_NS = 10**9
ORDINALS = 1000
"""How many changes of one entity have a place in one microsecond."""
LAST_US = 2**63 // ORDINALS - 1
FIRST_US = -LAST_US

_OUT_OF_REACH = "is out of reach: databases hold the years from 1678 to 2261"
_FIRST_YEAR, _BEHIND_LAST_YEAR = datetime(1678, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_us() -> int:
    """Return the present by our own clock."""
    return time.time_ns() // 1000


def microseconds(moment: datetime) -> int:
    """Return the time of a moment with a time zone. Raises `TypeError` where it has none."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def parse(text: str) -> datetime:
    """Return the moment that a user means; without an offset it is one of this machine's own zone.

    Raises `ValueError`, with a sentence, for what is no time, and for one that no database holds.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time like 2026-01-31 or 2026-01-31T12:00+01:00") from None
    try:
        return within_reach(at if at.tzinfo else at.astimezone())
    except (OverflowError, ValueError):  # a zone of the machine's own can lead out of what Python knows
        raise ValueError(f"{text!r} {_OUT_OF_REACH}") from None


def within_reach(at: datetime) -> datetime:
    """Return a moment with a time zone. Raises `ValueError`, with a sentence, for one that no database holds.

    So much before `FIRST_US` and `LAST_US` that there is room around it for what is asked beside.
    """
    if _FIRST_YEAR <= at < _BEHIND_LAST_YEAR:
        return at
    raise ValueError(_OUT_OF_REACH)


def moment(at_us: int) -> datetime:
    """Return the moment of a time."""
    seconds, rest = divmod(at_us, SECOND_US)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def of_seconds(seconds: float) -> int:
    """Return the time that Home Assistant has made Unix seconds of: rounded by the function that it uses itself.

    Raises what `datetime.fromtimestamp` raises for a year that has no four digits.
    """
    return microseconds(datetime.fromtimestamp(seconds, UTC))


def text(at_us: int, timespec: str = "microseconds") -> str:
    """Return a time as ISO 8601, as `2026-01-31T12:00:00.123456+00:00`; `timespec` is that of `datetime.isoformat`."""
    return moment(at_us).isoformat(timespec=timespec)


def text_ns(at_ns: int) -> str:
    """Return a time in nanoseconds as RFC 3339, whole, as `2026-01-31T12:00:00.123456001Z`."""
    seconds, rest = divmod(at_ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def change_ns(at_us: int, ordinal: int) -> int:
    """Return the nanoseconds of a change. Raises `ValueError` for one that has no place in a database."""
    if FIRST_US <= at_us <= LAST_US and 0 <= ordinal < ORDINALS:
        return at_us * ORDINALS + ordinal
    raise ValueError(f"no database has a place for change {ordinal} of the microsecond {at_us} since 1970")


def split(time_ns: int) -> tuple[int, int]:
    """Return the microsecond and the ordinal of a change."""
    return divmod(time_ns, ORDINALS)


def to_ns(at_us: int) -> int:
    """Return a time in nanoseconds: that of the first change in its microsecond."""
    return at_us * 1000


def to_us(at_ns: int) -> int:
    """Return the microsecond in which a time in nanoseconds lies."""
    return at_ns // 1000
