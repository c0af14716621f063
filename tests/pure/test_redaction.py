"""No form of a secret passes, wherever it stands, and nothing else is touched."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics import facts
from metrics.codes import ErrorCode
from metrics.redaction import Redactor, redacting

AWKWARD = """s3cret"to'k\\en+%/=&?#{}"""
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40)
WRITERS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps({"token": text})),
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "repr in JSON": lambda text: json.dumps([repr(text)]),
    "JSON in repr": lambda text: repr(json.dumps(text)),
    "an address": lambda text: f"http://host/?token={quote(text)}",
    "an address, whole": lambda text: quote(text, safe=""),
    "an address, in small letters": lambda text: re.sub("%..", lambda code: code[0].lower(), quote(text, safe="")),
    "an address in an address": lambda text: quote(quote(text, safe=""), safe=""),
    "a form": lambda text: urlencode({"token": text}),
    "a form, again": quote_plus,
    "a log-in": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "a log-in of another": lambda text: base64.b64encode(f"me:{text}:x".encode()).decode(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of the web": lambda text: base64.urlsafe_b64encode(f"ab{text}cd".encode()).decode(),
}


@pytest.mark.parametrize("writer", WRITERS)
@given(secret=SECRETS)
def test_no_form_of_a_secret_passes(writer: str, secret: str) -> None:
    written = WRITERS[writer](secret)
    cleaned = Redactor({secret}).clean(f"before {written} after")
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    assert "***" in cleaned
    assert len(cleaned) < len(f"before {written} after") - len(secret) / 2
    assert not any(part in cleaned for part in (secret, written))


def test_what_is_added_later_is_a_secret_from_then_on() -> None:
    secrets = {"first-s3cret"}
    redactor = Redactor(secrets)
    assert redactor.clean("first-s3cret-grown") == "***-grown"
    secrets.add("first-s3cret-grown")
    assert redactor.clean("first-s3cret-grown, first-s3cret") == "***, ***"


def test_nothing_else_is_touched() -> None:
    assert Redactor({"abc"}).clean("abc is too short to be one") == "abc is too short to be one"
    assert Redactor(set()).clean("nothing is secret") == "nothing is secret"
    text = shlex.quote("sensor.kitchen is 21.5 °C")
    assert Redactor({AWKWARD}).clean(text) == text


def test_a_fact_is_reported_without_what_somebody_else_said_of_a_secret() -> None:
    heard: list[object] = []
    report = redacting(heard.append, {AWKWARD})
    known = facts.StoreReady(store="influxdb")
    report(known)
    report(failed(f"it said {json.dumps(AWKWARD)}"))
    assert heard == [known, failed('it said "***"')]


def failed(detail: str) -> facts.StoreFailed:
    return facts.StoreFailed(store="influxdb", code=ErrorCode.WRONG_SERVER, detail=detail, retry_seconds=1.0)
