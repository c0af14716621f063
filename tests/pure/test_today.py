"""How much of today is stored: since which midnight, and what is said where the database does not tell."""

from __future__ import annotations

from datetime import datetime
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from ingestor.api.today import Today, since_midnight
from ingestor.model.errors import Unavailable
from ingestor.storage.store import Store
from metrics.codes import ErrorCode


@pytest.mark.parametrize(("now", "time_zone", "since"), [
    ("2026-11-26T23:30:00+00:00", "Europe/Amsterdam", "2026-11-27T00:00:00+01:00"),
    ("2026-11-26T22:59:59+00:00", "Europe/Amsterdam", "2026-11-26T00:00:00+01:00"),
    ("2026-10-25T22:30:00+00:00", "Europe/Amsterdam", "2026-10-25T00:00:00+02:00"),  # a day of 25 hours
    ("2026-03-29T21:30:00+00:00", "Europe/Amsterdam", "2026-03-29T00:00:00+01:00"),  # a day of 23
    ("2026-11-26T10:00:00+00:00", "Pacific/Auckland", "2026-11-26T00:00:00+13:00"),
    ("2026-11-26T10:00:00+00:00", "America/New_York", "2026-11-26T00:00:00-05:00"),
    ("2026-11-26T10:00:00+00:00", "UTC", "2026-11-26T00:00:00+00:00"),
])  # fmt: skip
def test_a_day_begins_at_midnight_where_the_home_is(now: str, time_zone: str, since: str) -> None:
    today = since_midnight(datetime.fromisoformat(now).timestamp(), time_zone)
    assert (today.since, today.time_zone) == (datetime.fromisoformat(since), time_zone)


@pytest.mark.parametrize("unknown", ["", "Mars/Olympus", "Europe", "../etc/passwd", "a\0b", "x" * 5000, "\ud800"])
def test_a_time_zone_that_is_none_is_utc(unknown: str) -> None:
    assert since_midnight(1_795_478_400.0 + 5, unknown).time_zone == "UTC"


class Stores:
    """Answers for the home that is well; that of one is away, that of another is slow."""

    async def count_since(self, home: str, from_ns: int) -> int:
        if home == "away":
            raise Unavailable("no answer from InfluxDB", code=ErrorCode.NO_ANSWER)
        if home == "slow":
            await trio.sleep_forever()
        return from_ns


async def test_what_the_database_does_not_tell_has_a_reason(autojump_clock: MockClock) -> None:
    assert autojump_clock
    today = Today(cast("Store", Stores()), lambda: dict.fromkeys(("well", "away", "slow"), "UTC"))
    began = trio.current_time()
    found = await today.stored(1_795_478_405.0)
    assert trio.current_time() - began == pytest.approx(2)
    assert {home: (one.events, one.reason) for home, one in found.items()} == {
        "well": (1_795_478_400 * 10**9, ""),
        "away": (None, "no answer from InfluxDB"),
        "slow": (None, "the database did not tell it within 2 s"),
    }
