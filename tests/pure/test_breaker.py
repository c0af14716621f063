from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ingestor.weather.breaker import FAILURES, PAUSES, Breaker
from metrics.codes import BreakerState


class BreakerMachine(RuleBasedStateMachine):
    """The breaker against its theory: failures in a row open it, a pause later one trial decides."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = 1000.0
        self.in_a_row = 0
        self.open_until: float | None = None
        self.pause = PAUSES.initial_seconds

    @rule(seconds=st.floats(0, 2 * PAUSES.maximum_seconds))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(works=st.booleans())
    def a_request_is_made_if_allowed(self, works: bool) -> None:  # noqa: FBT001  hypothesis draws it
        trial = self.open_until is not None
        allowed = self.breaker.allows(self.now)
        assert allowed is (self.open_until is None or self.now >= self.open_until)
        if not allowed:
            return
        if works:
            self.breaker.succeeded()
            self.in_a_row, self.open_until, self.pause = 0, None, PAUSES.initial_seconds
            return
        self.breaker.failed(self.now)
        self.in_a_row += 1
        if trial:
            self.pause = min(PAUSES.maximum_seconds, 2 * self.pause)
        if trial or self.in_a_row == FAILURES:
            self.open_until, self.in_a_row = self.now + self.pause, 0

    @invariant()
    def the_wait_ends_when_the_pause_does(self) -> None:
        waits = self.breaker.wait_seconds(self.now)
        assert waits == max(0.0, (self.open_until or 0.0) - self.now)
        assert (self.breaker.state is BreakerState.CLOSED) is (self.open_until is None)


BreakerMachine.TestCase.settings = BreakerMachine.TestCase.settings.__class__(max_examples=60)
test_the_breaker_keeps_to_its_theory = BreakerMachine.TestCase


def test_a_trial_that_was_cut_short_is_tried_again() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(0.0)
    assert [breaker.allows(now) for now in (0.0, 59.9, 60.0, 60.0)] == [False, False, True, True]
    assert breaker.state is BreakerState.HALF_OPEN
