"""What every answer says that is no success: one shape, from one place, so that no route maps errors by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from ingestor.model.errors import IngestorError, UsageError
from metrics.codes import ErrorCode

_STATUS = {ErrorCode.INVALID: 400, ErrorCode.NOT_FOUND: 404, ErrorCode.CONFLICT: 409, ErrorCode.PENDING: 409}
_NO_OBJECT = "the body must be a JSON object, sent with the header Content-Type: application/json"
_AWAY = 503  # every other error of ours: a file, a database or a home does not serve
_CODES = {401: ErrorCode.UNAUTHORIZED, 404: ErrorCode.NOT_FOUND, 409: ErrorCode.CONFLICT}  # of the framework's answers


class Failure(BaseModel):
    """Why a request was not done: `detail` is a sentence, `hint` what the user can do.

    `heals` when it passes by itself.
    """

    detail: str
    code: str
    hint: str = ""
    heals: bool = False


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI says of these answers."""
    return {status: {"model": Failure} for status in statuses}


def add_handlers(app: FastAPI) -> None:
    """Let every error of a route, of the framework and of ours be answered as a `Failure`."""
    for kind in (IngestorError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _answer)


async def _answer(_request: Request, error: Exception) -> Response:
    match error:
        case IngestorError():
            return failure(_STATUS.get(error.code, _AWAY), error)
        case RequestValidationError():
            return failure(400, UsageError(_mistakes(error)))
        case HTTPException():
            code = _CODES.get(error.status_code, ErrorCode.INVALID)
            answer = failure(error.status_code, UsageError(error.detail, code=code, hint=""))
            answer.headers.update(error.headers or {})
            return answer
    detail = "the service failed at this; its log has the whole error"  # logged by the server, which gets it, too
    return failure(500, UsageError(detail, code=ErrorCode.INTERNAL))


def failure(status: int, error: IngestorError) -> Response:
    """Return the answer that tells an error."""
    said = {"detail": _sendable(str(error)), "code": error.code, "hint": error.hint, "heals": error.heals}
    return JSONResponse(said, status_code=status)


def _sendable(text: str) -> str:
    """Return a text without half characters, which a name in a request may have and no answer can."""
    return text.encode(errors="replace").decode()


def _mistakes(error: RequestValidationError) -> str:
    """Return each mistake by name, without what was given: it might be a secret."""
    return "; ".join(_NO_OBJECT if _is_of_body(one) else f"{one['loc'][-1]}: {_words(one)}" for one in error.errors())


def _is_of_body(mistake: Mapping[str, Any]) -> bool:
    """Return whether the whole body is wrong: there is none, it is no JSON or no object, or has no `Content-Type`."""
    return bool(mistake["loc"] == ("body",) or mistake["type"] == "json_invalid")


def _words(mistake: Mapping[str, Any]) -> str:
    return str(mistake["msg"]).removeprefix("Value error, ")
