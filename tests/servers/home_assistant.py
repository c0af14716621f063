"""A real Home Assistant, installed once outside the repository, with our component that keeps the list of truth."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.servers.asking import CLIENT
from tests.servers.home_template import STARTS_SECONDS, configure, runs, template
from tests.servers.processes import Process, free_port, wait_until
from tests.servers.releases import installed

COMPONENTS = Path(__file__).parent / "custom_components"
_RESTART = 100


class RealHome:
    """One running Home Assistant. `start` after `stop` or `kill` keeps its port, its data and its token.

    `more` is added to its configuration, `recorder` to that of its recorder; `load` are options of our component's
    service `run`, which is then carried out for ever. `renamed` leads from an entity's id to its next one.
    """

    def __init__(
        self,
        directory: Path,
        *,
        more: str = "",
        recorder: str = "",
        environment: dict[str, str] | None = None,
        load: dict[str, Any] | None = None,
    ) -> None:
        self.directory = directory
        self.renamed: dict[str, str] = {}
        self._forgotten_bytes = 0
        self.port = free_port()
        self._environment = environment
        self.token = ""
        self._release = installed()
        self._process: Process | None = None
        shutil.copytree(template(self._release), directory, dirs_exist_ok=True)
        configure(directory, self.port, recorder=recorder, more=f"truth:\n{more}")
        shutil.copytree(COMPONENTS, directory / "custom_components", dirs_exist_ok=True)
        if load is not None:
            (directory / "load.json").write_text(json.dumps(load))
        self.token = (directory / "token").read_text()

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it runs and our component is ready."""
        self.spawn()
        self.wait_started()

    def spawn(self) -> None:
        """Start its process, without waiting."""
        (self.directory / "truth_ready").unlink(missing_ok=True)
        command = [*self._release.command, "-c", str(self.directory)]
        self._process = Process(command, self.directory, self._environment)

    def wait_started(self) -> None:
        """Wait until it runs and our component is ready."""
        wait_until(self._runs, "Home Assistant runs", STARTS_SECONDS)

    def stop(self) -> None:
        """Stop it in order."""
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """Kill it."""
        assert self._process
        self._process.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it stand still: its process is there, and does nothing."""
        assert self._process
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process
        os.kill(self._process.pid, signal.SIGCONT)

    def restart(self, seconds: float = 60) -> None:
        """Let it restart by its own service, which ends it with exit code 100."""
        assert self._process
        self.call("homeassistant", "restart")
        code = self._process.wait(seconds)
        assert code == _RESTART, f"exit code {code}"
        self.start()

    def call(self, domain: str, service: str, **data: Any) -> None:
        """Call a service."""
        answer = CLIENT.post(
            f"{self.url}/api/services/{domain}/{service}", json=data, headers=self._headers(), timeout=60
        )
        answer.raise_for_status()

    def run(self, *, wait_seconds: float = 120, **options: Any) -> None:
        """Let the component make changes, and wait until they are made."""
        done = self.directory / "done"
        done.unlink(missing_ok=True)
        self.call("truth", "run", **options)
        wait_until(done.exists, "the changes are made", wait_seconds)

    def rename(self, entity_id: str, new: str) -> None:
        """Give an entity another id."""
        self.renamed[entity_id] = new
        self.call("truth", "rename", entity_id=entity_id, new_entity_id=new)

    def put(self, entity_id: str, state: str | None, *, forced: bool = True, **attributes: Any) -> None:
        """Give an entity a state; none removes it. Unless it is `forced`, the same state again has not changed."""
        given: dict[str, Any] = {}
        if state is not None:
            given = {"state": state, "attributes": attributes, "forced": forced}
        self.call("truth", "put", entity_id=entity_id, **given)

    def truth(self) -> list[dict[str, Any]]:
        """Return everything that the bus said, in order, but for what was forgotten."""
        return [json.loads(line) for line in self._told().splitlines()]

    def news(self) -> list[dict[str, Any]]:
        """Return what the bus said since the last call, and forget it."""
        told = self._told()
        self._forgotten_bytes += len(told)
        return [json.loads(line) for line in told.splitlines()]

    def _told(self) -> bytes:
        """Return the whole lines that were not forgotten."""
        with (self.directory / "truth.jsonl").open("rb") as file:
            file.seek(self._forgotten_bytes)
            told = file.read()
        return told[: told.rfind(b"\n") + 1]

    def _runs(self) -> bool:
        assert self._process
        if self._process.exit_code is not None:
            raise AssertionError(f"Home Assistant ended: {self._process.log.read_text()[-2000:]}")
        return (self.directory / "truth_ready").exists() and runs(self.url, self.token)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


if __name__ == "__main__":
    started = RealHome(Path(sys.argv[1] if len(sys.argv) > 1 else "real-home").resolve())
    started.start()
    print(f"export HA_URL={started.url} HA_TOKEN={started.token}", flush=True)  # noqa: T201  for the shell
    try:
        time.sleep(10**6)  # until Ctrl-C
    except KeyboardInterrupt:
        started.stop()
