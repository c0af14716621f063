"""Faults of what stands around the service: each has a Prometheus, an Alertmanager and a home of its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.alarms.fault import MAY, Stages
from tests.faults.alarms.watch import Watch, watching
from tests.faults.situation import Situation
from tests.servers.home_assistant import RealHome
from tests.servers.processes import wait_until
from tests.servers.receiver import Receiver, receiving

NTFY, SWITCH = "/ntfy", "/switch"
OF_ONE_INSTANCE = """
  - name: of the user
    rules:
      - record: waiting
        expr: ingestor_pending_events + on (job) ingestor_held_events
"""
"""A rule that holds for one instance, and cannot be evaluated for two."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Who watches one service and its database, and whom Alertmanager tells beside the home."""

    watch: Watch
    others: Receiver


@contextmanager
def surroundings(directory: Path, home: RealHome, factor: float, database: str) -> Generator[Surroundings]:
    """Hold them; the database is known by its address."""
    with receiving() as others:
        receivers = {
            "ALERT_WEBHOOK_URL": f"{home.url}/api/webhook/ingestor_alerts",
            "ALERT_NTFY_URL": f"{others.url}{NTFY}",
            "ALERT_WATCHDOG_URL": f"{others.url}{SWITCH}",
        }
        with watching(directory, home, factor, database=database, rules=OF_ONE_INSTANCE, **receivers) as watch:
            yield Surroundings(watch=watch, others=others)


def database_then_service_stopped(s: Situation, _: Surroundings) -> Stages:
    assert s.store
    assert s.front
    s.front.refuse()
    s.store.stop()
    yield {"DatabaseDown": "does not answer"}
    s.service.stop()
    yield {"IngestorDown": "", "StackDown": ""}
    s.store.start()
    s.front.accept()
    s.service.start()


def only_the_database_stopped(s: Situation, around: Surroundings) -> Stages:
    assert s.store
    assert s.front
    s.front.refuse()
    s.store.stop()
    yield {"DatabaseDown": "does not answer"}
    wait_until(lambda: bool(around.watch.prometheus.query('ALERTS{alertname="DatabaseDown"} offset 30s')), "a while")
    s.store.start()
    s.front.accept()


def alertmanager_stopped(_: Situation, around: Surroundings) -> Stages:
    """Nobody can be told: only whoever misses the Watchdog notices."""
    switch = around.others
    wait_until(lambda: switch.count(SWITCH) > 1, "the dead man's switch is called")
    around.watch.manager.stop()
    calls = switch.count(SWITCH)
    wait_until(lambda: {"AlertmanagerUnreachable", "StackDown"} <= around.watch.firing(), "Prometheus knows", 90)
    assert switch.count(SWITCH) == calls, "the dead man's switch is called with no Alertmanager"
    around.watch.manager.start()
    yield {"AlertmanagerUnreachable": "", "StackDown": MAY}
    wait_until(lambda: switch.count(SWITCH) > calls, "the dead man's switch is called again")


def one_of_two_ways_refuses(s: Situation, around: Surroundings) -> Stages:
    around.others.refused.add(NTFY)
    s.kill()
    yield {"IngestorDown": ""}
    yield {"IngestorDown": "", "NotificationsFail": "webhook"}
    around.others.refused.clear()
    s.start()


def rule_of_the_user_breaks(s: Situation, around: Surroundings) -> Stages:
    second = s.service.url.removeprefix("http://").replace("127.0.0.1", "localhost")
    around.watch.add(second)
    yield {"RulesFail": "of the user"}
    around.watch.remove(second)
