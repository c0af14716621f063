from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.model.errors import CredentialsRefused, Rejected, Unavailable
from ingestor.model.records import Point
from ingestor.storage.batcher import REFUSED_SECONDS, Retry, bisect
from metrics.codes import ErrorCode
from tests.servers.records import event


@given(st.integers(1, 200), st.sets(st.integers(0, 199)))
def test_each_bad_point_is_found_and_each_good_one_is_written_once(count: int, bad: set[int]) -> None:
    points: list[Point] = [event(number) for number in range(count)]
    spoiled = {number for number in bad if number < count}
    is_bad = {id(points[number]) for number in spoiled}
    written: Counter[int] = Counter()
    search = bisect(points)
    try:
        part = next(search)
        while True:
            wrong = [point for point in part if id(point) in is_bad]
            if not wrong:
                written.update(id(point) for point in part)
            part = search.send(Rejected(f"{len(wrong)} are bad") if wrong else None)
    except StopIteration as end:
        found = end.value
    assert [id(point) for point, _ in found] == [id(points[number]) for number in sorted(spoiled)]
    assert written == Counter(id(point) for point in points if id(point) not in is_bad)


def test_a_single_refused_point_is_not_written_again() -> None:
    refusal = Rejected("no")
    search = bisect([event(1)])
    next(search)
    with pytest.raises(StopIteration) as end:
        search.send(refusal)
    assert end.value.value == [(event(1), refusal)]


def test_the_waits_for_a_store_grow_to_half_a_minute_and_a_refused_token_waits_a_minute() -> None:
    retry, away = Retry(Random(3)), Unavailable("away", code=ErrorCode.NO_ANSWER)
    waits = [retry.after(away) for _ in range(10)]
    ceilings = [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert all(ceiling / 2 <= wait <= ceiling for wait, ceiling in zip(waits, ceilings, strict=True))
    assert retry.after(CredentialsRefused("no")) == REFUSED_SECONDS
