"""An InfluxDB for tests to which one is as good as the other: a real one at `TEST_INFLUXDB_URL`, else the double."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from tests.servers.asking import CLIENT
from tests.servers.influxdb2.server import ORG, ROOT, influxdb2


@contextmanager
def any_influxdb() -> Generator[dict[str, str]]:
    """Hold a server; return the settings of a service that writes into a bucket of its own there."""
    bucket = f"test-{uuid4().hex}"
    if "TEST_INFLUXDB_URL" in os.environ:
        given = {f"INFLUXDB_{name}": os.environ[f"TEST_INFLUXDB_{name}"] for name in ("URL", "TOKEN", "ORG")}
        yield given | {"INFLUXDB_BUCKET": bucket}
        return
    with influxdb2() as double:
        yield {"INFLUXDB_URL": double.url, "INFLUXDB_TOKEN": ROOT, "INFLUXDB_ORG": ORG, "INFLUXDB_BUCKET": bucket}


def events_in(settings: dict[str, str]) -> list[dict[str, Any]]:
    """Return the events that were written with such settings; a field that none of them has is not in them."""
    return points_in(settings, "home_assistant_events")


def points_in(settings: dict[str, str], measurement: str) -> list[dict[str, Any]]:
    """Return the points of a measurement that has some, as `events_in` does."""
    query = f"SELECT * FROM {measurement}"  # noqa: S608  our words
    answer = CLIENT.get(
        f"{settings['INFLUXDB_URL']}/query",
        params={"db": settings["INFLUXDB_BUCKET"], "q": query, "epoch": "ns"},
        headers={"Authorization": f"Token {settings['INFLUXDB_TOKEN']}"},
        timeout=60,
    )
    [series] = answer.json()["results"][0]["series"]
    return [dict(zip(series["columns"], values, strict=True)) for values in series["values"]]
