"""What README.md says of exit codes: each form of each command ends with each code that is told of it.

A form that the table does not name for a code has no case for it; one that it names must have one.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio
from msgspec import Struct

from ingestor.assembly.files import STATE, STATE_FILE
from ingestor.assembly.run import Exit
from ingestor.history.jobs import Jobs
from ingestor.history.ledger import Ledger
from ingestor.model import instants
from ingestor.model.errors import Rejected
from ingestor.model.gaps import GapFound
from ingestor.model.records import RawEvent
from ingestor.storage.database import Database
from ingestor.storage.losses import Losses
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.spool import Spool
from ingestor.storage.valve import Valve
from metrics import facts
from metrics.codes import DropReason, GapCause, JobKind
from tests.servers.commands import command, environment
from tests.servers.ingestor import Ingestor
from tests.servers.loaded import ROOT
from tests.servers.processes import free_port, wait_until
from tests.servers.records import event
from tests.servers.simulated_home import SimHome

RUN, CHECK, AUDIT, AUDIT_FROM, BACKFILL = "run", "check", "audit", "audit --from TIME", "backfill --from TIME"
JOBS, CANCEL, DEMO = "jobs", "jobs cancel ID", "demo"
LIST, SHOW, REPLAY, DROP = (f"quarantine {words}" for words in ("list", "show ID", "replay ID", "drop ID"))
LOSSES, ACKNOWLEDGE, RENAME = "losses", "losses acknowledge", "rename sensor.old sensor.new"
FORMS = (
    RUN, CHECK, AUDIT, AUDIT_FROM, BACKFILL, JOBS, CANCEL, LIST, SHOW, REPLAY, DROP, LOSSES, ACKNOWLEDGE, RENAME, DEMO,
)  # fmt: skip
GOOD, UNREADABLE, MISSING = "1", "2", "1000"  # ids in the quarantine
CRASHING = """
from supervisors import Intensity
from ingestor.assembly import stages
stages.MANY = Intensity(restarts=0, period_seconds=60.0)
from ingestor.api.server import ApiServer
async def run(self, *, task_status):
    raise RuntimeError("a mistake of ours")
ApiServer.run = run
from ingestor.__main__ import main
main()
"""


class Place(Struct, frozen=True, kw_only=True):
    """Where a command is run: beside the files of a service that has run, with its home."""

    directory: Path
    home: SimHome

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    def settings(self, **more: str) -> dict[str, str]:
        known = {"HA_URL": self.home.url, "HA_TOKEN": self.home.token, "DATA_DIR": str(self.data_dir)}
        return known | {"API_PORT": "0", "LOG_FORMAT": "json"} | more

    def end(self, form: str, id_: str = GOOD, span: tuple[str, ...] = ("2026-01-01",), **more: str) -> tuple[int, str]:
        """Run a form to its end; return its exit code and what it said."""
        words = " ".join(form.split()).replace("TIME", span[0]).replace("ID", id_).split()
        return command(self.directory, *words, *span[1:], **self.settings(**more))

    def interrupt(
        self, form: str, number: signal.Signals, *arguments: str, until: Callable[[str], bool], **more: str
    ) -> tuple[int, str]:
        """Run a form until something is in its log, and end it with a signal."""
        words = form.replace("TIME", "2026-01-01").split()
        log = self.directory / "log"
        with (
            log.open("w") as output,
            subprocess.Popen(
                [sys.executable, *(arguments or ("-m", "ingestor")), *words],
                cwd=self.directory,
                env=environment(**self.settings(**more)),
                stdout=output,
                stderr=output,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  no threads
            ) as process,
        ):
            wait_until(lambda: until(log.read_text()), f"{form} is under way", 20)
            process.send_signal(number)
            return process.wait(20), log.read_text()


@pytest.fixture(scope="module")
def lived(home: SimHome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the files of a service that has run: two records in the quarantine, a job to be done, an entity gone."""
    data_dir = tmp_path_factory.mktemp("lived") / "data"
    service = Ingestor(data_dir, HA_URL=home.url, HA_TOKEN=home.token)
    service.start()
    service.wait_connected()
    for state in ("1", None):
        home.put("sensor.old", state)
    home.run(count=20, rate=1000)
    assert service.stop() == 0
    trio.run(leave, data_dir)
    return data_dir


async def leave(data_dir: Path) -> None:
    refused = Rejected("the database would not have it")
    unreadable = RawEvent(home="home", received_at_ns=1, text="{", problem="truncated")
    database = Database(data_dir / STATE_FILE, STATE)
    await Quarantine(database, lambda _fact: None).add([(event(1), refused), (unreadable, refused)])
    await Jobs(database).ask("home", JobKind.BACKFILL, 1, 2, instants.now_us())
    await database.aclose()


@pytest.fixture
def place(lived: Path, home: SimHome, tmp_path: Path) -> Place:
    shutil.copytree(lived, tmp_path / "data")
    return Place(directory=tmp_path, home=home)


def started(said: str) -> bool:
    return "SessionOpened" in said


def run_until_stopped(place: Place, **more: str) -> tuple[int, str]:
    return place.interrupt(RUN, signal.SIGTERM, until=started, **more)


def run_that_drops(place: Place) -> tuple[int, str]:
    """Run with a spool that an InfluxDB left behind, and of which a batch is damaged."""

    async def damage() -> None:
        spool = Spool(place.data_dir, 10**9, Valve(), lambda _fact: None)
        await spool.open()
        for number in range(3):
            await spool.commit([event(number)])
        spool._database.run_now(lambda one: one.execute("UPDATE batches SET body = x'00' WHERE id = 2"))
        await spool.aclose()

    trio.run(damage)
    return place.interrupt(RUN, signal.SIGTERM, until=lambda said: "RecordsDropped" in said)


def audit_with_a_gap(place: Place) -> tuple[int, str]:
    async def open_gap() -> None:
        database = Database(place.data_dir / STATE_FILE, STATE)
        gap = GapFound(gap="home:1", home="home", cause=GapCause.SERVICE_DOWN, detail="", from_us=1, found_ns=10**9)
        await Ledger(database, lambda _fact: None).record([gap])
        await database.aclose()

    trio.run(open_gap)
    return place.end(AUDIT)


def losses_that_nobody_knows(place: Place) -> tuple[int, str]:
    """List what was dropped: 1 until it is acknowledged, 0 then."""

    async def lose() -> None:
        database = Database(place.data_dir / STATE_FILE, STATE)
        losses = Losses(database, lambda _fact: None)
        losses(facts.RecordsDropped(reason=DropReason.SHUTDOWN, records=9, events=7, detail="no room was left"))
        await losses.keep()
        await database.aclose()

    trio.run(lose)
    first = place.end(LOSSES)
    assert re.search(r"7 +9 +shutdown +no", first[1])
    assert "no room was left" in first[1]
    assert place.end(ACKNOWLEDGE) == (0, "acknowledged: 1\n")
    assert place.end(LOSSES)[0] == 0
    return first


def with_the_home_away(form: str) -> Callable[[Place], tuple[int, str]]:
    return lambda place: place.end(form, HA_URL=f"http://127.0.0.1:{free_port()}")


def interrupted(form: str, setting: str = "HA_URL") -> Callable[[Place], tuple[int, str]]:
    """Return what runs a form against a server that never answers, and presses Ctrl-C."""

    def ends(place: Place) -> tuple[int, str]:
        with ExitStack() as kept:
            silent = kept.enter_context(socket.create_server(("127.0.0.1", 0)))
            silent.settimeout(20)
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"

            def is_connected(_said: str) -> bool:
                kept.enter_context(silent.accept()[0])
                time.sleep(0.2)
                return True

            influxdb = {"INFLUXDB_TOKEN": "t", "INFLUXDB_ORG": "o"} if setting == "INFLUXDB_URL" else {}
            return place.interrupt(form, signal.SIGINT, until=is_connected, **influxdb, **{setting: url})

    return ends


def crashing(form: str) -> Callable[[Place], tuple[int, str]]:
    def ends(place: Place) -> tuple[int, str]:
        ran = subprocess.run(
            [sys.executable, "-c", CRASHING, form],
            cwd=place.directory,
            env=environment(**place.settings()),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return ran.returncode, ran.stdout + ran.stderr

    return ends


def run_until_the_terminal_is_closed(place: Place) -> tuple[int, str]:
    code, said = place.interrupt(RUN, signal.SIGHUP, until=started)
    return code, said if "ServiceStopped" in said else "Traceback: it did not end in order"


CASES: list[tuple[int, str, Callable[[Place], tuple[int, str]]]] = [
    (0, RUN, run_until_stopped),
    (0, RUN, run_until_the_terminal_is_closed),
    *[(0, form, lambda place, form=form: place.end(form)) for form in FORMS if form not in {RUN, DEMO}],
    (0, DEMO, lambda place: place.end(DEMO, DEMO_SECONDS="0.5")),
    (1, RUN, run_that_drops),
    (1, CHECK, with_the_home_away(CHECK)),
    (1, AUDIT, audit_with_a_gap),
    (1, AUDIT_FROM, with_the_home_away(AUDIT_FROM)),
    (1, LOSSES, losses_that_nobody_knows),
    (1, BACKFILL, with_the_home_away(BACKFILL)),
    (1, BACKFILL, lambda place: place.end(BACKFILL, span=("1990-01-01", "--to", "1990-01-02"))),
    (1, REPLAY, lambda place: place.end(REPLAY, UNREADABLE)),
    *[(2, form, lambda place, form=form: place.end(form, HA_URL="no address")) for form in FORMS if form != DEMO],
    (2, DEMO, lambda place: place.end(DEMO, DEMO_RATE="many")),
    (2, RUN, lambda place: place.end(RUN, DATA_DIR=str(place.data_dir / STATE_FILE))),
    *[(2, form, lambda place, form=form: place.end(form, MISSING)) for form in (CANCEL, SHOW, REPLAY, DROP)],
    *[
        (2, form, lambda place, form=form: place.end(form, HA_TOKEN="nobody-s"))  # noqa: S106  it opens nothing
        for form in (AUDIT_FROM, BACKFILL)
    ],
    (2, AUDIT_FROM, lambda place: place.end(AUDIT_FROM, span=("1000-01-01",))),
    (2, BACKFILL, lambda place: place.end(BACKFILL, span=("9999-12-31T23:59:59-14:00",))),
    (2, AUDIT, lambda place: place.end("audit --to 2026-01-01")),
    (3, RUN, crashing(RUN)),
    (3, DEMO, crashing(DEMO)),
    *[(130, form, interrupted(form)) for form in (CHECK, AUDIT_FROM, BACKFILL)],
    (130, RENAME, interrupted(RENAME, "INFLUXDB_URL")),
]


@pytest.mark.parametrize(("code", "form", "ends"), CASES, ids=[f"{code} {form}" for code, form, _ in CASES])
def test_a_command_ends_with_the_code_that_the_readme_tells(
    code: int, form: str, ends: Callable[[Place], tuple[int, str]], place: Place
) -> None:
    found, said = ends(place)
    assert (found, "Traceback" in said and code != 3) == (code, False), said


def test_the_readme_has_every_code_and_every_form_and_each_has_its_case() -> None:
    readme = (ROOT / "README.md").read_text()
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", readme.split("## Commands")[1], flags=re.MULTILINE))
    assert set(map(int, rows)) == set(Exit)
    cased = {code: {form.split()[0] for other, form, _ in CASES if other == code} for code in map(int, rows)}
    everything = {form.split()[0] for form in FORMS}
    assert cased[0] == cased[2] == everything, "all of them can be done, or not be"
    for code, told in rows.items():
        named = {words.split()[0] for words in re.findall(r"`([^`]+)`", told)} & everything
        assert named <= cased[int(code)], f"the table names for {code} what has no case"
        assert int(code) in {0, 2} or cased[int(code)] <= named, f"there are cases for {code} that it does not name"
    commands = readme.split("## Commands")[1].split("Exit codes")[0]
    assert everything == set(re.findall(r"^\| `ingestor (\w+)", commands, flags=re.MULTILINE))
