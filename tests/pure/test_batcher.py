from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.errors import CredentialsRefused, Rejected, Unavailable
from ingestor.messages import Record
from ingestor.storage.batcher import (
    FIRST_RETRY_SECONDS,
    MAXIMUM_RETRY_SECONDS,
    REFUSED_RETRY_SECONDS,
    Retry,
    bisect,
    wait_seconds,
)
from tests.servers.records import event


@given(st.integers(1, 200), st.sets(st.integers(0, 199)))
def test_each_bad_record_is_found_and_each_good_one_is_written_once(count: int, bad: set[int]) -> None:
    records: list[Record] = [event(number) for number in range(count)]
    spoiled = {number for number in bad if number < count} or {0}
    is_bad = {id(records[number]) for number in spoiled}
    written: Counter[int] = Counter()
    search = bisect(records, Rejected("the whole"))
    said: Rejected | None = None
    try:
        part = next(search)
        while True:
            wrong = [record for record in part if id(record) in is_bad]
            said = Rejected(f"{len(wrong)} are bad") if wrong else None
            if not wrong:
                written.update(id(record) for record in part)
            part = search.send(said)
    except StopIteration as end:
        found = end.value
    assert [id(record) for record, _ in found] == [id(records[number]) for number in sorted(spoiled)]
    assert written == Counter(id(record) for record in records if id(record) not in is_bad)


def test_a_single_refused_record_is_not_written_again() -> None:
    refusal = Rejected("too old", code="expired")
    with pytest.raises(StopIteration) as end:
        next(bisect([event(1)], refusal))
    assert end.value.value == [(event(1), refusal)]


@given(st.integers(0, 10_000), st.floats(0, 1000), st.integers(1, 5000), st.floats(0.01, 300))
def test_a_batch_is_due_when_it_is_full_or_old(pending: int, age: float, events: int, seconds: float) -> None:
    waits = wait_seconds(pending, age, maximum_events=events, maximum_seconds=seconds)
    assert (waits == 0) is (pending >= events or age >= seconds)
    assert 0 <= waits <= seconds


def test_the_waits_for_a_store_double_with_jitter_and_start_anew_after_success() -> None:
    retry = Retry(Random(3))
    waits = [retry.after(Unavailable("away")) for _ in range(10)]
    ceilings = [min(MAXIMUM_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2**n) for n in range(10)]
    assert all(ceiling / 2 <= wait <= ceiling for wait, ceiling in zip(waits, ceilings, strict=True))
    retry.succeeded()
    assert retry.after(Unavailable("away")) <= FIRST_RETRY_SECONDS


def test_the_store_s_own_wish_and_a_refused_token_are_respected() -> None:
    retry = Retry(Random(3))
    assert retry.after(Unavailable("busy", retry_after_seconds=77)) == 77
    assert retry.after(CredentialsRefused("no")) == REFUSED_RETRY_SECONDS
