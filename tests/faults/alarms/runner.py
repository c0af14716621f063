"""Lives through faults: notes when each alert is told and cleared, and everything that should not have been told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.alarms.fault import NOTHING, Fault, Told
from tests.faults.alarms.watch import Moment, Watch
from tests.faults.situation import CONNECTED_SECONDS, Situation, situation
from tests.servers.home_assistant import RealHome
from tests.servers.processes import free_port, wait_until

RATE = 5
LOAD = {"count": 60 * RATE, "rate": RATE, "seed": 1}
WELL_SECONDS = 25  # before a fault comes; a fifth of the longest window that looks back
LINGER_SECONDS = 6.0
LINGER_AT_THE_END_SECONDS = 15.0


@dataclass
class Outcome:
    """What was told of a fault: when, in seconds since it was brought, at Alertmanager and in the home."""

    name: str
    stages: list[str] = field(default_factory=list)
    at_alertmanager: list[float] = field(default_factory=list)
    in_home: list[float] = field(default_factory=list)
    cleared: float | None = None
    wrong: dict[str, str] = field(default_factory=dict)

    def blame(self, what: str, seen: str = "") -> None:
        """Note once what is wrong, and when that was seen first."""
        self.wrong.setdefault(what, seen)


class _Judge:
    """Holds what is told of one instance against what has to be."""

    def __init__(self, watch: Watch, instance: str, outcome: Outcome) -> None:
        self.began = time.monotonic()
        self._watch = watch
        self._instance = instance
        self._outcome = outcome
        self._seen = len(watch.moments)
        self._before: Told = NOTHING
        self._wanted: Told = NOTHING

    def want(self, told: Told) -> None:
        """Go on to what has to be told next."""
        self._before, self._wanted = self._wanted, told

    def is_told(self) -> bool:
        """Return whether Alertmanager tells exactly that, and note when each was told first."""
        return self._holds(lambda moment: set(moment.alerts.get(self._instance, ())))

    def is_shown(self) -> bool:
        """Return whether the home shows exactly that."""
        return self._holds(lambda moment: set(moment.shown.get(self._instance, ())))

    def look(self) -> None:
        """Blame what was told since the last look and should not have been."""
        moments = self._watch.moments[self._seen :]
        self._seen += len(moments)
        allowed = {name.lower() for name in (*self._before, *self._wanted)}
        goes_on = bool(_must(self._before) and _must(self._wanted))
        for moment in moments:
            for place, told in (("", moment.alerts), (" (in the home)", moment.shown)):
                names = {name.lower(): name for name in told.get(self._instance, ())}
                for name in names.keys() - allowed:
                    self._outcome.blame(f"{names[name]}{place}", f" after {moment.at - self.began:.0f} s")
                if goes_on and not names:
                    self._outcome.blame(f"a false all-clear{place}", f" after {moment.at - self.began:.0f} s")

    def words(self) -> dict[str, str]:
        """Return what the home shows now."""
        return self._watch.moments[-1].shown.get(self._instance, {})

    def _holds(self, told: Callable[[Moment], set[str]]) -> bool:
        self.look()
        names = {name.lower() for name in told(self._watch.moments[-1])}
        return {name.lower() for name in _must(self._wanted)} <= names <= {name.lower() for name in self._wanted}


def _must(told: Told) -> list[str]:
    return [name for name, words in told.items() if words is not None]


def run(
    faults: Sequence[Fault], watch: Watch, directory: Path, together: int, tell: Callable[[str], None]
) -> list[Outcome]:
    """Return the outcome of each fault, in their order."""
    booting = threading.Lock()  # one home after the other: each wants a processor of its own

    def lived(fault: Fault) -> Outcome:
        outcome = Outcome(fault.name)
        try:
            with ExitStack() as stack:
                own = directory / fault.slug
                home = _home(fault, own / "home", booting, stack) if fault.own_home else watch.home
                _live(fault, home, watch, own, outcome, stack)
        except Exception as error:  # noqa: BLE001  whatever it was, the row is wrong, and the others go on
            outcome.blame(f"{type(error).__name__}: {error}")
        tell(f"{outcome}")
        return outcome

    with ThreadPoolExecutor(together) as pool:
        return list(pool.map(lived, faults))


def _home(fault: Fault, directory: Path, booting: threading.Lock, stack: ExitStack) -> RealHome:
    home = RealHome(directory, load=LOAD)
    configuration = directory / "configuration.yaml"
    configuration.write_text(configuration.read_text().replace(fault.without, ""))
    stack.callback(home.stop)
    with booting:
        home.start()
    return home


def _live(fault: Fault, home: RealHome, watch: Watch, own: Path, outcome: Outcome, stack: ExitStack) -> None:
    port = free_port()
    instance = f"127.0.0.1:{port}"
    settings = {"API_PORT": str(port), "FAULTS_FACTOR": f"{watch.factor:g}"}
    held = situation(
        home, own / "service", fault.database, fault.needs, Random(fault.name), short=False, settings=settings,
        starts=not fault.from_the_start,
    )  # fmt: skip
    around = stack.enter_context(held)
    threading.Thread(target=_watch_when_up, args=(around, watch, instance), daemon=True).start()
    if not fault.from_the_start:
        time.sleep(WELL_SECONDS)
    judge = _Judge(watch, instance, outcome)
    for told in fault.act(around):
        judge.want(told)
        _await(fault, judge, told, outcome)
        judge.began = time.monotonic()
    ended = time.monotonic()
    judge.want(NOTHING)
    _wait(judge.is_told, "Alertmanager tells nothing more", fault.patience_seconds)
    _wait(judge.is_shown, "the home shows nothing more", fault.patience_seconds)
    outcome.cleared = time.monotonic() - ended
    judge.want(NOTHING)
    _linger(judge, LINGER_AT_THE_END_SECONDS)
    watch.remove(instance)


def _watch_when_up(around: Situation, watch: Watch, instance: str) -> None:
    wait_until(lambda: around.service.runs and bool(around.service.get("/api/health")), "it answers", CONNECTED_SECONDS)
    watch.add(instance)


def _await(fault: Fault, judge: _Judge, told: Told, outcome: Outcome) -> None:
    """Wait until exactly that is told, with the right words, and nothing else for a while."""
    names = " and ".join(_must(told))
    _wait(judge.is_told, f"Alertmanager tells {names or 'nothing'}", fault.patience_seconds)
    at_alertmanager = time.monotonic() - judge.began
    _wait(judge.is_shown, f"the home shows {names or 'nothing'}", fault.patience_seconds)
    in_home = time.monotonic() - judge.began
    if names:
        outcome.stages.append(names)
        outcome.at_alertmanager.append(at_alertmanager)
        outcome.in_home.append(in_home)
    judge.want(told)
    _linger(judge, max(fault.quiet_seconds, LINGER_SECONDS))
    shown = judge.words()
    for name, words in told.items():
        if words and words not in shown.get(name.lower(), ""):
            outcome.blame(f"{name} does not say {words!r}, but {shown.get(name.lower())!r}")


def _linger(judge: _Judge, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.2)
        judge.look()


def _wait(true: Callable[[], bool], what: str, seconds: float) -> None:
    wait_until(true, what, seconds, 0.1)
