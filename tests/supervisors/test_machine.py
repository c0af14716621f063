"""The pure parts, without a clock and without Trio."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors import (
    Backoff,
    ChildFailed,
    ChildRestarting,
    ChildSpec,
    ChildStarting,
    Intensity,
    Restart,
    SpecError,
    Strategy,
    Supervisor,
    SupervisorStateChanged,
)
from supervisors.machine import Machine, RestartWindow
from supervisors.messages import Exited, StartChild, Started
from supervisors.specs import Rules
from tests.supervisors.actors import Actor


def ready_machine(strategy: Strategy = Strategy.ONE_FOR_ONE, **options: object) -> Machine:
    plain = Backoff(initial_seconds=1, jitter=0)
    specs = [Actor(id_, []).spec(backoff=plain, **options) for id_ in "abc"]
    machine = Machine(("root",), specs, Rules(strategy=strategy), Random(0))
    machine.step([], 0)
    for id_ in "abc":
        machine.step([Started(id_)], 0)
    return machine


def test_a_window_forgets_a_restart_exactly_at_its_edge() -> None:
    window = RestartWindow(Intensity(restarts=2, period_seconds=10))
    assert [window.overflows(now) for now in (0, 5, 9.999)] == [False, False, True]
    window = RestartWindow(Intensity(restarts=2, period_seconds=10))
    assert [window.overflows(now) for now in (0, 5, 10, 14.999, 15)] == [False, False, False, True, True]
    assert RestartWindow(Intensity(restarts=0, period_seconds=10)).overflows(0)


@given(
    restarts=st.integers(0, 5),
    period=st.integers(1, 20),
    pauses=st.lists(st.integers(0, 10), max_size=30),
)
def test_a_window_counts_as_one_that_remembers_everything(restarts: int, period: int, pauses: list[int]) -> None:
    window = RestartWindow(Intensity(restarts=restarts, period_seconds=period))
    times: list[int] = []
    for pause in pauses:
        times.append(times[-1] + pause if times else pause)
        recent = [at for at in times if at > times[-1] - period]
        assert window.overflows(times[-1]) is (len(recent) > restarts)


@pytest.mark.parametrize("strategy", Strategy)
def test_the_order_in_which_one_moments_happenings_come_in_changes_nothing(strategy: Strategy) -> None:
    happened = [Exited("a", None), Exited("b", RuntimeError("bug")), Exited("c", RuntimeError("bug"))]
    outcomes = {tuple(map(str, ready_machine(strategy).step(list(order), now=10))) for order in permutations(happened)}
    assert len(outcomes) == 1


def test_who_was_ready_and_ended_in_one_moment_was_ready_first() -> None:
    machine = Machine(("root",), [Actor("a", []).spec(restart=Restart.TRANSIENT)], Rules(), Random(0))
    assert machine.step([], 0) == [ChildStarting(path=("root", "a")), StartChild("a")]
    error = RuntimeError("bug")
    assert machine.step([Exited("a", error), Started("a")], 0)[1:] == [
        ChildFailed(path=("root", "a"), error=error),
        ChildRestarting(path=("root", "a"), delay_seconds=0.1),
        SupervisorStateChanged(path=("root",), state="running"),
    ]


def test_an_end_at_the_last_moment_of_the_shutdown_timeout_is_in_time() -> None:
    machine = ready_machine(shutdown_timeout_seconds=5)
    machine.stop()
    machine.step([], 10)
    assert machine.next_deadline() == 15
    names = [type(action).__name__ for action in machine.step([Exited("c", None)], 15)]
    assert names == ["ChildStopped", "DrainChild"]


@given(crashes=st.integers(0, 10_000), seed=st.integers(), jitter=st.floats(0, 0.99), factor=st.floats(1, 100))
def test_a_delay_is_never_longer_than_the_maximum_nor_shorter_than_its_jitter_allows(
    crashes: int, seed: int, jitter: float, factor: float
) -> None:
    backoff = Backoff(jitter=jitter, factor=factor)
    delay = backoff.delay_seconds(crashes, Random(seed))
    assert 0.1 * (1 - jitter) <= delay <= 5.0


@given(crashes=st.integers(0, 200), seed=st.integers(), factor=st.floats(1, 3))
def test_no_crashes_in_a_row_wait_for_less_than_the_shortest_sum(crashes: int, seed: int, factor: float) -> None:
    backoff, random = Backoff(factor=factor), Random(seed)
    waited = sum(backoff.delay_seconds(crash, random) for crash in range(crashes))
    assert waited >= backoff.shortest_sum_seconds(crashes) * (1 - 1e-9)


def never_started(**options: object) -> ChildSpec:
    return Actor("a", []).spec(**options)


@pytest.mark.parametrize(
    ("options", "intensity", "complaint"),
    [
        ({"id": ""}, Intensity(), "a name without a slash"),
        ({"id": "a/b"}, Intensity(), "a name without a slash"),
        ({"start_timeout_seconds": 0}, Intensity(), "timeouts are positive seconds"),
        ({"start_timeout_seconds": float("nan")}, Intensity(), "timeouts are positive seconds"),
        ({"shutdown_timeout_seconds": -1}, Intensity(), "timeouts are positive seconds"),
        ({"fatal": (KeyboardInterrupt,)}, Intensity(), "fatal are kinds of Exception"),
        ({"backoff": Backoff(jitter=1)}, Intensity(), "jitter in"),
        ({"backoff": Backoff(jitter=-0.1)}, Intensity(), "jitter in"),
        ({"backoff": Backoff(factor=0.5)}, Intensity(), "a factor from 1 to 100"),
        ({"backoff": Backoff(factor=101)}, Intensity(), "a factor from 1 to 100"),
        ({"backoff": Backoff(initial_seconds=-1)}, Intensity(), "not negative"),
        ({"backoff": Backoff(maximum_seconds=float("inf"))}, Intensity(), "not negative"),
        ({"backoff": Backoff(healthy_seconds=0)}, Intensity(), "healthy_seconds is positive"),
        ({"backoff": Backoff(initial_seconds=30, maximum_seconds=30)}, Intensity(), "so it would crash for ever"),
        ({}, Intensity(restarts=-1), "root: an intensity is"),
        ({}, Intensity(period_seconds=0), "root: an intensity is"),
        ({}, Intensity(period_seconds=float("nan")), "root: an intensity is"),
    ],
)
def test_what_can_not_work_is_refused_before_anything_starts(
    options: dict[str, object], intensity: Intensity, complaint: str
) -> None:
    with pytest.raises(SpecError, match=complaint):
        Supervisor("root", [never_started(**options)], intensity=intensity)


def test_two_children_do_not_share_an_id() -> None:
    with pytest.raises(SpecError, match="root: two children share an id"):
        Supervisor("root", [never_started(), never_started()])


def test_delays_that_sum_up_to_exactly_the_period_can_never_trip_it() -> None:
    options = {"backoff": Backoff(initial_seconds=5, maximum_seconds=5, jitter=0)}
    Supervisor("root", [never_started(**options)], intensity=Intensity(restarts=2, period_seconds=10.1))
    with pytest.raises(SpecError, match=r"2 restarts cannot happen within 10 s: its delays add up to 10\.0 s"):
        Supervisor("root", [never_started(**options)], intensity=Intensity(restarts=2, period_seconds=10))
