"""The faults of the store: an InfluxDB that is away, slow, refuses or is full. Each brings one and takes it away."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

import httpx

from tests.faults.databases import DoubledInfluxDB, InfluxDB
from tests.faults.own_rows import terminated
from tests.faults.proxy import Proxy
from tests.faults.replies import Judge, Reply, Request
from tests.faults.situation import Situation
from tests.servers.processes import wait_until

OUTAGE_SECONDS = 120
LARGEST_BODY_BYTES = 8192
BACKLOG = 1_000_000
BACKLOG_OF_THE_DOUBLE = 20_000  # which is no database for a million
BACKLOG_RATE = 4000
TOLD_SECONDS = 120
LARGE = "sensor.large"
LARGE_BYTES = 6000
EVENTS = b"home_assistant_events,"
CONFLICT = (  # as it stands in the JSON
    r"partial write: field type conflict: input field \"value\" on measurement \"home_assistant_events\""
    " is type float, already exists as type string dropped=1"
)


def _between(situation: Situation) -> tuple[InfluxDB, Proxy]:
    assert situation.store
    assert situation.front
    return situation.store, situation.front


def stopped(situation: Situation) -> None:
    """Stop the database for two minutes."""
    store, front = _between(situation)
    front.refuse()
    store.stop()
    situation.wait(OUTAGE_SECONDS, OUTAGE_SECONDS)
    store.start()
    front.accept()


def refusing(situation: Situation) -> None:
    """Refuse connections."""
    _, front = _between(situation)
    front.refuse()
    situation.wait(5, 20)
    front.accept()


def backlog(situation: Situation) -> None:
    """Refuse until a million changes wait."""
    store, front = _between(situation)
    front.refuse()
    changes = 2000 if situation.short else BACKLOG_OF_THE_DOUBLE if isinstance(store, DoubledInfluxDB) else BACKLOG
    rate = 1000 if situation.short else BACKLOG_RATE
    seed, patience_seconds = situation.random.randrange(2**31), 60 + 3 * changes / rate
    situation.home.run(count=changes, rate=rate, seed=seed, wait_seconds=patience_seconds)
    front.accept()


def answering(status: int, **headers: str) -> Callable[[Situation], None]:
    """Answer every request so."""
    reply = Reply(status, "not now", {name.replace("_", "-"): value for name, value in headers.items()})

    def act(situation: Situation) -> None:
        _judged(situation, lambda _request: reply)

    return act


def _judged(situation: Situation, judge: Judge) -> None:
    _, front = _between(situation)
    front.judge = judge
    situation.wait(5, 20)
    front.clear()


def hanging(situation: Situation) -> None:
    """Take requests and give no answer, or take nothing."""
    _, front = _between(situation)
    way = situation.random.choice((front.to_client, front.to_server))
    way.stopped = True
    situation.wait(20, 60)
    front.clear()


def slow(situation: Situation) -> None:
    """Take 12 s for each answer."""
    _, front = _between(situation)
    front.to_client.delay_seconds = 2 if situation.short else 12
    situation.wait(15, 40)
    front.clear()


def reset_after_applying(situation: Situation) -> None:
    """Apply each write, and reset the connection instead of answering."""
    _, front = _between(situation)
    front.to_client.resets = True
    situation.wait(2, 10)
    front.clear()


def bad_point(situation: Situation) -> None:
    """Refuse every batch with a point of one entity; then take them, and replay what is in quarantine."""
    store, _ = _between(situation)
    entity_id = situation.random.choice([row["entity_id"] for row in store.rows()[-100:]])
    mark = f",entity_id={entity_id},".encode()
    reply = Reply(400, f"unable to parse 'home_assistant_events,entity_id={entity_id}': invalid number")

    def judge(request: Request) -> Reply | None:
        return reply if request.writes and mark in request.body else None

    _judged(situation, judge)
    situation.replay()


def everything_refused(situation: Situation) -> None:
    """Refuse every point until /health tells it; then take them, and replay what is in quarantine."""
    _refused(situation, "database", "field_conflict")
    situation.replay()


def quarantine_full(situation: Situation) -> None:
    """Refuse every point until the quarantine is full and the home pauses; then take them, and replay."""
    began_ns, sessions = time.time_ns(), situation.sessions()
    numbers = count()

    def swell() -> None:
        situation.home.put(LARGE, str(next(numbers)), text="x" * LARGE_BYTES)

    _refused(situation, "quarantine", "quarantine_full", swell)
    situation.replay()
    situation.reconnected(began_ns, sessions)


def _refused(situation: Situation, part: str, code: str, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Refuse every event until /health has a problem with this code."""
    _, front = _between(situation)
    reply = Reply(422, CONFLICT)
    front.judge = lambda request: reply if request.writes and EVENTS in request.body else None

    def is_told() -> bool:
        meanwhile()
        health = situation.service.get("/health") or {}
        return bool(health.get("codes", {}).get(part) == code)

    wait_until(is_told, f"/health has {code}", TOLD_SECONDS)
    situation.wait(2, 10)
    front.clear()


def too_large(situation: Situation) -> None:
    """Refuse what is larger than a few events, as a proxy with a limit does."""
    _judged(situation, lambda request: Reply(413) if len(request.body) > LARGEST_BODY_BYTES else None)


def refused_token(situation: Situation) -> None:
    """Refuse the token, then take it again."""
    store, _ = _between(situation)
    store.revoke()
    situation.wait(5, 20)
    store.grant()


def wrong_org(situation: Situation) -> None:
    """Run with an organisation that does not exist, then with the right one."""
    _misconfigured(situation, {"INFLUXDB_ORG": "nobody"}, "there is no organisation nobody")


def read_only_token(situation: Situation) -> None:
    """Run with a token that may only read, then with the right one."""
    store, _ = _between(situation)
    _misconfigured(situation, {"INFLUXDB_TOKEN": store.token_that_may("read")}, "may not write")


def _misconfigured(situation: Situation, wrong: dict[str, str], words: str) -> None:
    """Restart with wrong settings, and once it has told them, with the right ones."""
    right = situation.service.change(wrong)
    terminated(situation)
    wait_until(lambda: words in _problem(situation), f"it says {words}", 30)
    situation.wait(5, 20)
    situation.service.change(right)
    terminated(situation)


def _problem(situation: Situation) -> str:
    health = situation.service.get("/health") or {}
    return str(health.get("problems", {}).get("database", ""))


def conflicting(situation: Situation) -> None:
    """Refuse the points that have a field which the database holds with another type; that is so from the start."""
    situation.wait(10, 30)


def disk_full(situation: Situation) -> None:
    """Fill the database's disk; free it once it refuses; it goes on refusing until it is started again.

    Once per database: an InfluxDB 2.7.12 whose log of writes was torn by the full disk loses at its next but one start
    what it acknowledged, and showed, since the first.
    """
    store, _ = _between(situation)
    _fill(situation, store)
    wait_until(lambda: _refuses(store), "the database refuses", 30)
    situation.wait(2, 10)
    _free(situation, store)
    situation.wait(1, 3)
    store.stop()
    store.start()


def _fill(situation: Situation, store: InfluxDB) -> None:
    if isinstance(store, DoubledInfluxDB):
        store.double.disk_full = True
    elif situation.disk:
        situation.disk.fill()


def _free(situation: Situation, store: InfluxDB) -> None:
    if isinstance(store, DoubledInfluxDB):
        store.double.disk_full = False
    elif situation.disk:
        situation.disk.free()


def _refuses(store: InfluxDB) -> bool:
    try:
        store.write("harness v=1")
    except httpx.HTTPStatusError:
        return True
    return False
