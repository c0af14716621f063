"""The harness's own means: a disk that fills up, a clock that is stepped, actors that crash."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest

from tests.faults.clock import SteppedClock
from tests.faults.crashing import ACTORS, CrashingIngestor
from tests.faults.small_disk import small_disk
from tests.servers.simulated_home import SimHome
from tests.servers.simulated_weather import SimWeather


def test_a_small_disk_is_full_to_the_last_byte_and_free_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (disk.path / "file").write_bytes(b"x" * 5000)
        disk.free()
        (disk.path / "file").write_bytes(b"x" * 5000)


def test_a_wall_clock_steps_while_the_monotonic_one_runs_on(tmp_path: Path) -> None:
    clock = SteppedClock(tmp_path / "clock")
    tell = "import time\nwhile input() != 'end': print(time.time(), time.monotonic(), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", tell], stdin=-1, stdout=-1, text=True, env=clock.environment
    ) as process:
        assert process.stdin
        assert process.stdout
        for seconds in (0, 3600, -3600):
            clock.step(seconds)
            print(file=process.stdin, flush=True)
            wall, monotonic = map(float, process.stdout.readline().split())
            assert abs(wall - time.time() - seconds) < 5
            assert abs(monotonic - time.monotonic()) < 5
        print("end", file=process.stdin, flush=True)


@pytest.mark.parametrize("actor", ACTORS)
def test_every_actor_can_crash_at_a_line_of_its_own_and_comes_back(actor: str, tmp_path: Path) -> None:
    home, weather, random = SimHome(), SimWeather(), Random(5)
    home.start()
    weather.start()
    service = CrashingIngestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token, **weather.settings)
    service.start()
    try:
        service.wait_connected()
        changes = threading.Thread(target=home.run, kwargs={"count": 400, "rate": 200})
        changes.start()
        assert service.crash(actor, random) > 0
        changes.join()
        service.wait_connected()
    finally:
        code = service.stop()
        weather.stop()
        home.stop()
    assert service.crashes[0]["where"].startswith(ACTORS[actor])
    assert "InjectedCrash" in service.log
    assert code == 0
