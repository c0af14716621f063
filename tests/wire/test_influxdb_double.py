"""The test double of InfluxDB 2 gives the answers that a real 2.7.12 gave to the same requests, in the same order."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.influxdb2.parser import parse
from tests.servers.influxdb2.server import ORG_ID, READER, ROOT, WRITER, InfluxDB2, influxdb2

RECORDED = json.loads((Path(__file__).parent.parent / "samples/influxdb-2.7.12/contract.json").read_text())
RECORDED_AT_NS = 1_795_428_455 * 10**9
TOKENS = {"ROOT_TOKEN": ROOT, "WRITE_ONLY_TOKEN": WRITER, "READ_ONLY_TOKEN": READER}


@pytest.fixture(scope="module")
def double() -> Generator[InfluxDB2]:
    made = InfluxDB2(clock_ns=lambda: RECORDED_AT_NS)
    made.make_bucket("ha")
    yield made
    made.stop()


def replaced(text: str, double: InfluxDB2) -> str:
    ids = {"ORG_ID": ORG_ID, "BUCKET_ID": double.buckets["ha"].id}
    ids |= {"MONTH_ID": double.buckets["month"].id} if "month" in double.buckets else {}
    for name, value in (TOKENS | ids).items():
        text = text.replace(name, value)
    return text


def comparable(answer: Any) -> Any:
    """Leave out ids, times and links, which differ from server to server; of retention, the moment."""
    if isinstance(answer, dict):
        varying = {"id", "orgID", "links", "labels", "createdAt", "updatedAt", "description"}
        return {name: comparable(value) for name, value in answer.items() if name not in varying}
    if isinstance(answer, list):
        return [comparable(part) for part in answer]
    if isinstance(answer, str) and "outside retention policy" in answer:
        return answer.partition(" - oldest")[0]
    return answer


@pytest.mark.parametrize("exchange", RECORDED, ids=[exchange["case"] for exchange in RECORDED])
def test_the_double_answers_as_recorded(double: InfluxDB2, exchange: dict[str, Any]) -> None:
    authorization = exchange["authorization"]
    answer = httpx.request(
        exchange["method"],
        double.url + replaced(exchange["path"], double),
        headers={"Authorization": replaced(authorization, double)} if authorization else {},
        content=replaced(exchange.get("body", ""), double).encode(),
    )
    assert answer.status_code == exchange["status"]
    if exchange["answer"]:
        recorded = json.loads(replaced(exchange["answer"], double))
        assert comparable(answer.json()) == comparable(recorded)


@pytest.mark.parametrize(("state", "found"), [("on", ["on"]), ("off", [])])
def test_a_condition_on_a_field_goes_by_its_text(state: str, found: list[str]) -> None:
    with influxdb2() as double:
        double.make_bucket("ha").write(
            parse('m,entity_id=light.a state="on" 1\nm,entity_id=light.b state="on" 2', "ns")
        )
        asked = f"SELECT * FROM m WHERE entity_id = 'light.a' AND state = '{state}'"  # noqa: S608  our words
        answer = httpx.get(
            f"{double.url}/query", params={"db": "ha", "q": asked}, headers={"Authorization": f"Token {ROOT}"}
        )
    [result] = answer.json()["results"]
    rows = [dict(zip(of["columns"], row, strict=True)) for of in result.get("series", ()) for row in of["values"]]
    assert [row["state"] for row in rows] == found
