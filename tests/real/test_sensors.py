"""The package of sensors that we ship for Home Assistant: a real one asks the real service, and says what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.absence import missing
from tests.servers.home_assistant import RealHome
from tests.servers.home_socket import asked
from tests.servers.ingestor import Ingestor
from tests.servers.processes import free_port, wait_until
from tests.servers.releases import demonstrated

PACKAGE = (Path(__file__).parents[2] / "homeassistant" / "ingestor_sensors.yaml").read_text()
TOKEN = "a-token-of-the-api"  # noqa: S105  it opens nothing
STATES = {
    "binary_sensor.ingestor_problem": "off",
    "binary_sensor.ingestor_connected": "on",
    "sensor.ingestor_problems": "0",
    "sensor.ingestor_backlog": "0",
    "sensor.ingestor_open_gaps": "0",
}
MEASURED = {"sensor.ingestor_events_per_hour", "sensor.ingestor_newest_stored"}


@pytest.mark.real
def test_a_home_shows_health_freshness_backlog_and_gaps_while_it_may_ask(tmp_path: Path) -> None:
    port = free_port()
    package = PACKAGE.replace("ingestor.lan:8080", f"127.0.0.1:{port}").replace("_interval: 60", "_interval: 1")
    if not (loads := demonstrated()):
        missing("what Home Assistant's `rest` needs, which is brought for the newest release", required=False)
    home = RealHome(tmp_path / "home", **loads | {"more": package})
    (tmp_path / "home" / "secrets.yaml").write_text(f"ingestor_authorization: Bearer {TOKEN}\n")
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token, API_PORT=str(port), API_TOKEN=TOKEN)

    def states() -> dict[str, str]:
        found = asked(home, "get_states")
        return {one["entity_id"]: one["state"] for one in found if "ingestor_" in one["entity_id"]}

    service.start()  # first: where nobody answers when it starts, the home asks again after half a minute
    try:
        home.start()
        wait_until(lambda: STATES.items() <= states().items(), "the sensors say so", 30)
        assert states().keys() == {*STATES, *MEASURED}
        wait_until(lambda: states()["sensor.ingestor_newest_stored"][:2] == "20", "a time is shown", 20)
        service.stop()
        wait_until(lambda: set(states().values()) == {"unavailable"}, "nobody answers", 20)
    finally:
        home.stop()
        if service.exit_code is None:
            service.stop()
