"""The service that runs on the same data: what a command asks of it goes through its API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio

from ingestor.api.errors import Failure
from ingestor.api.jobs import AnyJob
from ingestor.assembly.lock import running_api
from ingestor.config import Settings
from ingestor.history.work import UNFINISHED
from ingestor.model.errors import IngestorError, Unavailable
from ingestor.model.http import no_answer
from metrics.codes import ErrorCode

TIMEOUT_SECONDS = 600.0  # a replay of everything is one request
POLL_SECONDS = 0.5


class RunningService:
    """The API of a running service. Raises `Unavailable` where it does not answer, and what it says when it refuses."""

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
            raise no_answer(f"the running service at {str(self._client.base_url).rstrip('/')}", error) from None
        if answer.is_error:
            raise _refusal(answer)
        return answer.content


def _refusal(answer: httpx.Response) -> IngestorError:
    """Return what the service said; another program may have answered in its place."""
    try:
        said = Failure.model_validate_json(answer.content)
        return IngestorError(f"the running service refused: {said.detail}", code=ErrorCode(said.code), hint=said.hint)
    except ValueError:
        return Unavailable(f"what answers at {answer.url} is no ingestor of this version", code=ErrorCode.SERVER_ERROR)


@asynccontextmanager
async def running_service(settings: Settings) -> AsyncGenerator[RunningService | None]:
    """Hold the service that uses this data directory; none while there is none."""
    url = running_api(settings.data_dir)
    if url is None:
        yield None
        return
    headers = {"content-type": "application/json"}
    if settings.api_token:
        headers["authorization"] = f"Bearer {settings.api_token.get_secret_value()}"
    given: dict[str, Any] = {
        "timeout": TIMEOUT_SECONDS,
        "headers": headers,
        "trust_env": False,
    }  # no proxy gets the token
    async with httpx.AsyncClient(base_url=url, **given) as client:
        yield RunningService(client)
