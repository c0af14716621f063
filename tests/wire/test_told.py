"""What commands print: tables on 80 columns, times in the zone in which they are typed, JSON as the API has it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import trio

from ingestor.api.jobs import AnyJob
from ingestor.api.models import Gap
from ingestor.api.quarantine import QuarantinedRecord
from ingestor.assembly.files import STATE, STATE_FILE
from ingestor.history.jobs import Jobs
from ingestor.history.ledger import Ledger
from ingestor.model import instants
from ingestor.model.errors import Rejected
from ingestor.model.gaps import GapFound, Interval
from ingestor.model.records import Series
from ingestor.storage.database import Database
from ingestor.storage.quarantine import Quarantine
from metrics.codes import ErrorCode, GapCause, GapState, JobKind
from tests.servers.commands import command
from tests.servers.records import event
from tests.servers.simulated_home import SimHome

WINTER = instants.microseconds(instants.parse("2026-01-31T12:00:00+00:00"))
SUMMER = instants.microseconds(instants.parse("2026-07-31T12:00:00+00:00"))
ENTITY = "sensor.a_name_that_is_as_long_as_names_of_integrations_are_these_days_power"
WHY = "the recorder has nothing of this entity between these times, although it has something of others"


def gap(cause: GapCause, from_us: int, to_us: int, *intervals: Interval) -> GapFound:
    told: dict[str, Any] = {"home": "home", "cause": cause, "detail": "", "whole": True, "intact_since_us": 1}
    return GapFound(gap=f"home:{from_us}", from_us=from_us, found_ns=instants.to_ns(to_us), intervals=intervals, **told)


async def fill(data_dir: Path) -> None:
    series = Series(home="home", entity_id=ENTITY, domain="sensor")
    interval = Interval(entity_id=ENTITY, series=series, after_us=WINTER, until_us=WINTER + 10**6)
    missed = gap(GapCause.SERVICE_DOWN, WINTER, WINTER + 10**9, interval)
    database = Database(data_dir / STATE_FILE, STATE)
    ledger = Ledger(database, lambda _fact: None)
    await ledger.record([gap(GapCause.FIRST_START, WINTER - 10**9, WINTER), missed])
    [found] = await ledger.open_gaps("home")
    await ledger.close(missed.gap, closed=[], listed={found.missed[0].id: WHY}, refilled=7)
    await ledger.settle(missed.gap, GapState.PARTLY, "")
    refused = Rejected(f"the database would not have it: {WHY}\x1b[2J", code=ErrorCode.FIELD_CONFLICT)
    await Quarantine(database, lambda _fact: None, lambda: instants.to_ns(SUMMER)).add([(event(1), refused)])
    jobs = Jobs(database)
    await jobs.ask("home", JobKind.BACKFILL, WINTER, SUMMER, instants.now_us())
    await jobs.cancel(1)
    await database.aclose()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("filled")
    trio.run(fill, data_dir)
    return data_dir


@pytest.fixture
def data_dir(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "data")
    return tmp_path / "data"


def told(data_dir: Path, *words: str, **more: str) -> tuple[int, str]:
    settings = {"HA_URL": "http://127.0.0.1:9", "HA_TOKEN": "t", "DATA_DIR": str(data_dir), "COLUMNS": "80"}
    return command(data_dir, *words, **(settings | {"TZ": "Europe/Berlin"} | more))


def test_tables_fit_80_columns_and_their_times_are_local_and_say_so(data_dir: Path) -> None:
    said = {form: told(data_dir, *form.split())[1] for form in ("audit", "jobs", "quarantine list")}
    for form, text in said.items():
        assert max(map(len, text.splitlines())) <= 80, form
        assert "\x1b" not in text
        assert WHY.rsplit(maxsplit=1)[-1] in " ".join(text.split()) or form == "jobs"
    assert "2026-01-31 13:00:00" in said["audit"]
    assert said["audit"].splitlines()[-1] == "times in CET"
    assert "2026-07-31 14:00:00" in said["quarantine list"]
    assert said["quarantine list"].splitlines()[-1] == "times in CEST"
    assert re.search(r"2026-01-31 13:00:00 +2026-07-31 14:00:00", said["jobs"])
    assert said["jobs"].splitlines()[-1] == "times in CEST and CET"
    assert told(data_dir, "audit", TZ="UTC")[1].splitlines()[-1] == "times in UTC"


def test_what_is_printed_as_json_is_what_the_api_says(data_dir: Path) -> None:
    shapes: dict[str, Any] = {"audit": Gap, "jobs": AnyJob, "quarantine list": QuarantinedRecord}
    for form, shape in shapes.items():
        found = json.loads(told(data_dir, *form.split(), "--json")[1])
        assert found, form
        assert [set(shape.model_validate(one).model_dump(by_alias=True)) for one in found] == [
            set(one) for one in found
        ]
    assert [json.loads(told(data_dir, *form.split(), "--json", DATA_DIR="no")[1]) for form in shapes] == [[], [], []]


def test_a_time_without_an_offset_is_local(data_dir: Path, home: SimHome) -> None:
    settings = {"HA_URL": home.url, "HA_TOKEN": home.token}
    code, said = told(data_dir, "backfill", "--from", "2026-01-31", "--to", "2026-02-01", "--json", **settings)
    [job] = json.loads(said)
    assert (code, job["from"], job["to"]) == (1, "2026-01-30T23:00:00Z", "2026-01-31T23:00:00Z")


def test_an_audit_from_before_the_first_start_says_that_there_is_backfill(data_dir: Path, home: SimHome) -> None:
    settings = {"HA_URL": home.url, "HA_TOKEN": home.token}
    for since, start in (
        ("2026-01-01", "2026-01-31 13:00:00+01:00"),
        ("2026-01-01T00:00Z", "2026-01-31 12:00:00+00:00"),
    ):
        _, said = told(data_dir, "audit", "--from", since, **settings)
        assert f"compared since the first start, {start}: see `ingestor backfill` for what is older" in said
    assert "first start" not in told(data_dir, "audit", "--from", "2026-02-01", **settings)[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("audit --to 2026-01-01", "ingestor: --to wants --from beside it: since when?"),
        ("audit --from 2026-01-02 --to 2026-01-01", "ingestor: the span of time is empty"),
        ("audit --from 1000-01-01", "is out of reach: databases hold the years from 1678 to 2261"),
        ("backfill --from 0001-01-01T00:00:00+14:00", "is out of reach"),
        ("backfill --from 2026-01-01 --to 9999-12-31T23:59:59-14:00", "is out of reach"),
        ("backfill --from 0001-01-01", "is out of reach"),
        ("backfill --from 9999-12-31", "is out of reach"),
        ("backfill --from yesterday", "'yesterday' is no time like 2026-01-31"),
        ("quarantine list --limit 0", "'0' is no such number"),
        ("quarantine show 99999999999999999999", "'999999999999999999' is no such number"),
        ("quarantine drop 99999999999999999999", "give ids as numbers, or `all`"),
        ("quarantine drop 7", "ingestor: the quarantine holds no 7"),
        ("jobs cancel 99999999999999999999", "is no such number"),
        ("jobs cancel 7", "ingestor: there is no job 7"),
    ],
)
def test_a_mistake_in_a_command_is_told_and_ends_with_2(words: str, sentence: str, data_dir: Path) -> None:
    code, said = told(data_dir, *words.split())
    assert (code, sentence in said, "Traceback" in said) == (2, True, False), said
