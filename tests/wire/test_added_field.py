from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import trio

import ingestor
from ingestor.storage.sqlite import SQLiteStore
from tests.servers.records import event

OURS = Path(ingestor.__file__).parent
ADDED = {  # a line each, by the line that it stands before
    "removed: Annotated": 'illuminance: Annotated[float | None, Stored("the light in the room", unit="lx")] = None',
    "late: bool": 'dimmed: Annotated[bool, Stored("only when it was dimmed: true")] = False',
    "unit: Annotated": 'wing: Annotated[str | None, Stored("the wing of the house")] = None',
    "pressure: Annotated": 'uv_index: Annotated[int | None, Stored("the index of ultraviolet light")] = None',
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy our code, with a tag and fields that ours has not: a line each, in one file."""
    shutil.copytree(OURS, tmp_path / "copy" / "ingestor", ignore=shutil.ignore_patterns("__pycache__"))
    records = tmp_path / "copy" / "ingestor" / "model" / "records.py"
    text = records.read_text(encoding="utf-8")
    for before, line in ADDED.items():
        text = text.replace(f"    {before}", f"    {line}\n    {before}")
    records.write_text(text, encoding="utf-8")
    return tmp_path / "copy"


async def test_a_field_is_its_attribute_alone_and_an_older_database_gets_its_column(copy: Path, tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "data", retention_days=0)
    await store.write([event(1)])
    await store.aclose()
    ran = await trio.run_process(
        [sys.executable, "-m", "tests.wire.added_field", str(tmp_path / "data")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(copy), str(OURS.parent)])},
        cwd=tmp_path,
        capture_stdout=True,
    )
    found = json.loads(ran.stdout)
    assert ",wing=Top" in found["line"]
    assert 'dimmed=true,illuminance=12.5,state="2",value=2,' in found["line"]
    assert ",weather_uv_index=3i " in found["line"]
    assert {"wing", "illuminance", "dimmed", "weather_uv_index"} < set(found["columns"])
    assert "| field | `illuminance` | float | lx | the light in the room |" in found["page"]["fields"]
    new, old = found["sqlite"]
    assert [new] == found["influxdb"]
    for one, said in ((new, (12.5, True, "Top", 3)), (old, (None, False, None, None))):
        weather = one["weather"] or {"uv_index": None}
        assert (one["illuminance"], one["dimmed"], one["series"]["wing"], weather["uv_index"]) == said
