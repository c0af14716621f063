"""The service that runs on the same data: what a command asks of it goes through its API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx
import trio

from ingestor.api.jobs import AnyJob
from ingestor.assembly import run as service
from ingestor.config import Settings
from ingestor.history.work import UNFINISHED
from ingestor.model.errors import ConfigError

TIMEOUT_SECONDS = 600.0  # a replay of everything is one request
POLL_SECONDS = 0.5


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

    async def delete(self, path: str) -> bytes:
        """Return what it answers."""
        return await self._request("DELETE", path)

    async def follow(self, job: AnyJob, told: Callable[[AnyJob], None]) -> AnyJob:
        """Return a job at its end; `told` hears how far it is."""
        while job.state in UNFINISHED:
            told(job)
            await trio.sleep(POLL_SECONDS)
            job = AnyJob.model_validate_json(await self.get(f"/api/jobs/{job.id}"))
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
