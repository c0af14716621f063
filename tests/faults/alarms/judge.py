"""What is told of one service, held against what has to be."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.alarms.fault import NOTHING, Told
from tests.faults.alarms.watch import ITSELF, Moment, Watch
from tests.servers.processes import wait_until

LINGER_SECONDS = 6.0  # a few evaluations of the rules
POLL_SECONDS = 0.1


@dataclass
class Outcome:
    """What was told of a fault: of each stage when, in seconds since it was brought, at Alertmanager and in the home.

    `cleared` is when nothing was told any more, in seconds since it was mended; `wrong` what should not have been, and
    when that was seen first.
    """

    name: str
    stages: list[str] = field(default_factory=list)
    at_alertmanager: list[float] = field(default_factory=list)
    in_home: list[float] = field(default_factory=list)
    cleared: float | None = None
    wrong: dict[str, str] = field(default_factory=dict)


class Judge:
    """Looks at every moment of a watch, from now on. `instance` is whom it is about."""

    def __init__(self, watch: Watch, instance: str, outcome: Outcome) -> None:
        self.outcome = outcome
        self._watch = watch
        self._instance = instance
        self._began = time.monotonic()
        self._seen = len(watch.moments)
        self._before: Told = NOTHING
        self._wanted: Told = NOTHING

    def await_told(self, told: Told, since: float, patience_seconds: float) -> None:
        """Wait until exactly that is told, and take down when; of nothing how long it took since it was mended."""
        must = _must(told)
        self._before, self._wanted = self._wanted, told
        self._wait(self._is_told, f"Alertmanager tells {must}", patience_seconds)
        at_alertmanager = time.monotonic()
        self._wait(self._is_shown, f"the home shows {must}", patience_seconds)
        in_home = time.monotonic()
        if must:
            self.outcome.stages.append(" and ".join(must))
            self.outcome.at_alertmanager.append(at_alertmanager - self._began)
            self.outcome.in_home.append(in_home - self._began)
        elif self.outcome.stages and self.outcome.cleared is None:
            self.outcome.cleared = in_home - since
        self._before = told

    def linger(self, seconds: float = LINGER_SECONDS) -> None:
        """Look for a while whether it stays so, and hear what the home says."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            self._look()
        shown = self._watch.moments[-1].shown_of(self._instance)
        for name, words in self._wanted.items():
            if words and words not in (said := shown.get(name.lower(), "")):
                self.blame(f"{name} does not say {words!r}: {said!r}")

    def blame(self, what: str, seen: str = "") -> None:
        """Note once what is wrong, and when that was seen first."""
        self.outcome.wrong.setdefault(what, seen)

    def _look(self) -> None:
        """Blame what was told since the last look and should not have been."""
        moments = self._watch.moments[self._seen :]
        self._seen += len(moments)
        allowed = {name.lower() for name in (*self._before, *self._wanted)}
        goes_on = bool(_must(self._before) and _must(self._wanted))
        for moment in moments:
            seen = f" after {moment.at - self._began:.0f} s"
            of = self._instance
            for place, told in (("", moment.alerts_of(of)), (" (in the home)", moment.shown_of(of))):
                names = {name.lower(): name for name in told}
                for name in names.keys() - allowed:
                    self.blame(f"{names[name]}{place}", seen)
                if goes_on and not names:
                    self.blame(f"a false all-clear{place}", seen)

    def _is_told(self) -> bool:
        names = self._last().alerts_of(self._instance)
        return self._is_wanted({name.lower() for name in names}, but=ITSELF)

    def _is_shown(self) -> bool:
        return self._is_wanted(set(self._last().shown_of(self._instance)))

    def _last(self) -> Moment:
        self._look()
        return self._watch.moments[-1]

    def _is_wanted(self, names: set[str], but: str = "\0") -> bool:
        must = {name.lower() for name in _must(self._wanted) if not name.startswith(but)}
        return must <= names <= {name.lower() for name in self._wanted}

    def _wait(self, true: Callable[[], bool], what: str, seconds: float) -> None:
        wait_until(true, what, seconds, POLL_SECONDS)


def _must(told: Told) -> list[str]:
    return [name for name, words in told.items() if words is not None]
