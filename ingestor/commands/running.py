"""The service that runs on the same data: what a command asks of it goes through its API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import httpx
import trio
from pydantic import TypeAdapter

from ingestor.api.errors import Failure
from ingestor.assembly.lock import running_api
from ingestor.config import Settings
from ingestor.model.errors import IngestorError, Unavailable, UsageError
from ingestor.model.http import no_answer
from metrics.codes import ErrorCode

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
    """The API of a running service. Raises `Unavailable` where it does not answer, and what it says when it refuses."""

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
                lost = "the running service does not know of it any more: was it started again?"
                raise UsageError(lost, code=ErrorCode.NOT_FOUND)
            [job] = found
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
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, headers=headers) as client:
        yield RunningService(client)
