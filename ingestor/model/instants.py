"""Points in time as Unix microseconds and as moments with a time zone, exactly: no float is on the way."""

from __future__ import annotations

from datetime import UTC, datetime

LAST_US = 2**63 // 1000 - 1  # as nanoseconds it must fit 64 bits
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Return Unix microseconds, exactly."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(at_us: int) -> datetime:
    """Return the time of Unix microseconds, exactly."""
    seconds, rest = divmod(at_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
