"""Lives through faults side by side, each with a service of its own, beside one that is well from first to last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random

from tests.faults.alarms.fault import NOTHING, Fault, Stages
from tests.faults.alarms.judge import LINGER_SECONDS, Judge, Outcome
from tests.faults.alarms.surroundings import surroundings
from tests.faults.alarms.watch import ANYBODY, NOBODY, SHOWS_ALERTS, Watch, home_name, instance
from tests.faults.situation import Situation, situation
from tests.servers.home_assistant import RealHome
from tests.servers.processes import free_port, wait_until

WELL_SECONDS = 30  # before a fault comes: what most rules look back upon
AFTERWARDS_SECONDS = 15.0
ANSWERS_SECONDS = 300.0  # a fault may be there before the service starts


def run(
    faults: Sequence[Fault], watch: Watch, directory: Path, together: int, tell: Callable[[str], None]
) -> list[Outcome]:
    """Return the outcome of each fault, in their order, and of none."""
    booting, ended = threading.Lock(), threading.Event()

    def lived(fault: Fault) -> Outcome:
        outcome = Outcome(fault.name)
        try:
            with ExitStack() as stack:
                own = directory / fault.slug
                alone = fault.own_home or fault.befalls
                home = _home(fault, own / "home", booting, stack) if alone else watch.home
                _live(fault, home, watch, own, outcome, stack)
        except Exception as error:  # noqa: BLE001  whatever it was, the row is wrong, and the others go on
            outcome.wrong.setdefault(f"{type(error).__name__}: {error}", "")
        tell(f"{outcome}")
        return outcome

    with ThreadPoolExecutor(together + 1) as pool:
        none = Fault(name="none, from the first to the last", act=partial(_well, ended))
        well = pool.submit(lived, none)
        with ThreadPoolExecutor(together) as faulty:
            outcomes = list(faulty.map(lived, faults))
        ended.set()
        return [*outcomes, well.result()]


def _well(ended: threading.Event, _: Situation) -> Stages:
    while not ended.is_set():
        yield NOTHING


def _home(fault: Fault, directory: Path, booting: threading.Lock, stack: ExitStack) -> RealHome:
    load = None if fault.load is None else dict(fault.load)
    home = RealHome(directory, load=load, more=SHOWS_ALERTS if fault.befalls else "")
    configuration = directory / "configuration.yaml"
    configuration.write_text(configuration.read_text().replace(fault.without, ""))
    stack.callback(home.stop)
    with booting:  # one after the other: each wants a processor of its own
        home.start()
    return home


def _live(fault: Fault, home: RealHome, watch: Watch, own: Path, outcome: Outcome, stack: ExitStack) -> None:
    port = free_port()
    settings = {"API_PORT": str(port), "HOME_NAME": home_name(port), "FAULTS_FACTOR": f"{watch.factor:g}"}
    held = situation(
        home, own / "service", "influxdb", fault.needs, Random(fault.name), short=False, settings=settings,
        starts=not fault.from_the_start,
    )  # fmt: skip
    around = stack.enter_context(held)
    told = partial(fault.act, around)
    if fault.befalls:
        assert around.store
        database = f"127.0.0.1:{around.store.port}"
        mine = stack.enter_context(surroundings(own / "watch", home, watch.factor, database))
        watch, told = mine.watch, partial(fault.befalls, around, mine)
    threading.Thread(target=_watch_when_up, args=(around, watch, instance(port)), daemon=True).start()
    if not fault.from_the_start:
        time.sleep(WELL_SECONDS)
    judge, nobody = Judge(watch, ANYBODY if fault.befalls else instance(port), outcome), Judge(watch, NOBODY, outcome)
    since = time.monotonic()
    for stage in told():
        judge.await_told(stage, since, fault.patience_seconds)
        judge.linger(max(fault.quiet_seconds, LINGER_SECONDS))
        since = time.monotonic()
    judge.await_told(fault.at_the_end, time.monotonic(), fault.patience_seconds)
    judge.linger(AFTERWARDS_SECONDS)
    if not fault.from_the_start and not fault.befalls:  # the first of all may come before anything is scraped
        nobody.linger()
    watch.remove(instance(port))


def _watch_when_up(around: Situation, watch: Watch, target: str) -> None:
    wait_until(lambda: around.service.runs and bool(around.service.get("/api/health")), "it answers", ANSWERS_SECONDS)
    watch.add(target)
