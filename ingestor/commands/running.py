"""The service that runs on the same data: what a command asks of it goes through its API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import httpx
import trio
from pydantic import TypeAdapter

from ingestor.assembly import run as service
from ingestor.config import Settings
from ingestor.model.errors import ConfigError

TIMEOUT_SECONDS = 600.0  # a replay of everything is one request
POLL_SECONDS = 0.5


class Job(Protocol):
    """Something that a service works off; its state is `running` until it has ended."""

    @property
    def id(self) -> int:
        """By which it is found again."""

    @property
    def state(self) -> str:
        """How it stands."""


J = TypeVar("J", bound=Job)


class RunningService:
    """The API of a running service. Raises `ConfigError` where it does not answer, or refuses."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, path: str) -> bytes:
        """Return what it answers."""
        return await self._request("GET", path)

    async def post(self, path: str, content: str) -> bytes:
        """Return what it answers to this JSON."""
        return await self._request("POST", path, content)

    async def work_off(self, path: str, wanted: str, jobs: TypeAdapter[list[J]], told: Callable[[J], None]) -> J:
        """Let it begin a job, or go on with the same one, and return that at its end; `told` hears how far it is."""
        [job] = jobs.validate_json(b"[" + await self.post(path, wanted) + b"]")
        while job.state == "running":
            told(job)
            await trio.sleep(POLL_SECONDS)
            found = [one for one in jobs.validate_json(await self.get(path)) if one.id == job.id]
            if not found:
                raise ConfigError(["the running service does not know of it any more: was it started again?"])
            [job] = found
        return job

    async def _request(self, method: str, path: str, content: str | None = None) -> bytes:
        try:
            answer = await self._client.request(method, path, content=content)
        except httpx.HTTPError as error:
            url = str(self._client.base_url).rstrip("/")
            raise ConfigError([f"the running service did not answer at {url}: {type(error).__name__}"]) from None
        if answer.is_error:
            raise ConfigError([f"the running service refused: {answer.text}"])
        return answer.content


@asynccontextmanager
async def running_service(settings: Settings) -> AsyncGenerator[RunningService | None]:
    """Hold the service that uses this data directory; none while there is none."""
    url = service.running_api(settings.data_dir)
    if url is None:
        yield None
        return
    headers = {"content-type": "application/json"}
    if settings.api_token:
        headers["authorization"] = f"Bearer {settings.api_token.get_secret_value()}"
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, headers=headers) as client:
        yield RunningService(client)
