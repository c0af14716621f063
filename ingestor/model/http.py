"""What httpx raises, as our error: never in its own words, which may hold an address with a key in it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import httpx

from ingestor.model.errors import Unavailable
from metrics.codes import ErrorCode

_SENTENCES: dict[type[httpx.HTTPError], str] = {  # the first that fits
    httpx.ConnectTimeout: "nobody accepted a connection in time",
    httpx.TimeoutException: "it did not answer in time",
    httpx.ConnectError: "no connection",
    httpx.NetworkError: "the connection broke",
    httpx.RemoteProtocolError: "it closed the connection, or does not speak HTTP",
}


def no_answer(who: str, error: httpx.HTTPError) -> Unavailable:
    """Return our error for a request to a server that was not answered."""
    sentence = next((said for kind, said in _SENTENCES.items() if isinstance(error, kind)), type(error).__name__)
    if refusal := _certificate(error):
        sentence = f"its certificate is not trusted ({refusal.verify_message})"
    return Unavailable(f"no answer from {who}: {sentence}", code=ErrorCode.NO_ANSWER)


def retry_after_seconds(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return how long a server wants to be left alone (RFC 9110, 10.2.3: seconds or a date); None where it says none.

    `now` is Unix time.
    """
    wished = headers.get("Retry-After", "").strip()
    if wished.isdecimal():
        return float(wished)
    try:
        return max(0.0, parsedate_to_datetime(wished).timestamp() - (time.time() if now is None else now))
    except (ValueError, OverflowError):
        return None


def _certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return the refusal of a certificate that an error came from."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error
