"""What an orderly life says at `info`: a start of ten lines at most, and a stop of three."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome


def test_a_start_has_ten_lines_at_most_and_a_stop_three(home: SimHome, tmp_path: Path) -> None:
    service = Ingestor(tmp_path, HA_URL=home.url, HA_TOKEN=home.token)

    def said() -> list[str]:
        return [one["event"] for one in map(json.loads, service.log.splitlines()) if one["level"] != "debug"]

    def has_said(name: str) -> bool:
        return name in said()

    for last in ("GapsNoted", "GapSettled"):  # of the first start, and of one with a past
        with service.running():
            service.wait_connected()
            wait_until(partial(has_said, last), f"it says {last}", 30)
            started = said()
        stopped = said()[len(started) :]
        assert started[0] == "ServiceStarted"
        assert len(started) <= 10, started
        assert stopped == ["ServiceStopping", "SessionClosed", "ServiceStopped"]
