"""A real InfluxDB 1.6 of Debian: its line protocol parser and storage are the ancestors of InfluxDB 2's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.servers.asking import CLIENT, influxql
from tests.servers.processes import Process, free_port, program, wait_until

CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{directory}/meta"
[data]
  dir = "{directory}/data"
  wal-dir = "{directory}/wal"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[monitor]
  store-enabled = false
"""


class InfluxDB1:
    """One running server with a database `test`."""

    def __init__(self, directory: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        configuration = directory / "influxdb.conf"
        configuration.write_text(CONFIGURATION.format(directory=directory, port=port, rpc=free_port()))
        self._process = Process([program("influxd", "influxdb"), "-config", str(configuration)], directory)
        wait_until(self._answers, "InfluxDB answers")
        self.query("CREATE DATABASE test")

    def write(self, lines: bytes) -> httpx.Response:
        """Write lines."""
        return CLIENT.post(f"{self.url}/write", params={"db": "test", "precision": "ns"}, content=lines, timeout=30)

    def query(self, text: str) -> list[dict[str, Any]]:
        """Return the rows of an InfluxQL query with the tags that it groups by, times in nanoseconds."""
        return influxql(self.url, "test", text)

    def stop(self) -> int:
        """Stop it."""
        return self._process.stop()

    def _answers(self) -> bool:
        try:
            return CLIENT.get(f"{self.url}/ping", timeout=1).is_success
        except httpx.HTTPError:
            return False
