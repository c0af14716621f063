"""One HTTP client for all servers of the tests: one for each question would cost it 23 ms of CPU, for its trust store.

It keeps no connection, so that a server that stops waits for nobody.
"""

from __future__ import annotations

from typing import Any

import httpx

CLIENT = httpx.Client(timeout=5, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def influxql(url: str, database: str, text: str, **headers: str) -> list[dict[str, Any]]:
    """Return the rows of an InfluxQL query with the tags that it groups by, times in nanoseconds."""
    parameters = {"db": database, "epoch": "ns", "q": text}
    answer = CLIENT.post(f"{url}/query", params=parameters, headers=headers, timeout=60).json()
    if "error" in (result := answer.get("results", [{"error": answer}])[0]):
        raise ValueError(result["error"])
    return [
        series.get("tags", {}) | dict(zip(series["columns"], values, strict=True))
        for series in result.get("series", [])
        for values in series["values"]
    ]
