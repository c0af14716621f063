"""The line protocol as InfluxDB 2.7.12 reads it, with its very words for what is wrong. Text is surrogate-escaped."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

Value = str | float | int | bool
MAXIMUM_TIME = 9223372036854775806
MAXIMUM_KEY_BYTES = 65535
_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_BOOLEANS = dict.fromkeys(("t", "T", "true", "True", "TRUE"), True) | dict.fromkeys(
    ("f", "F", "false", "False", "FALSE"), False
)
_KEY = re.compile(r"(?:[^ ]|(?<=\\) )*")
_FIELDS = re.compile(r'(?:"(?:\\.|[^"\\])*"|\\.|[^ "\\]|\\)*', re.DOTALL)
_LINE = re.compile(r'(?:[^ \n]|(?<=\\) )*(?: +(?:"(?:\\.|[^"\\])*"|[^\n"]|"(?=[^"]*$))*)?', re.DOTALL)


class ParseError(Exception):
    """What is wrong with a line, in the server's words."""


@dataclass(frozen=True)
class Point:
    """One point; `kinds` are InfluxDB's words for the types of the fields."""

    measurement: str
    tags: frozenset[tuple[str, str]]
    fields: dict[str, Value]
    kinds: dict[str, str]
    time_ns: int | None


def parse(text: str, precision: str = "ns") -> list[Point]:
    """Return the points of a body. Raises `ParseError` when any line is bad."""
    points, wrong = [], []
    for line in _lines(text):
        try:
            points.append(_point(line, _UNITS[precision]))
        except ParseError as error:
            wrong.append(f"unable to parse '{line}': {error}")
    if wrong:
        raise ParseError("\n".join(wrong))
    return points


def _lines(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        match = _LINE.match(text, at)
        assert match
        end = match.end() if match.end() > at else text.find("\n", at) if "\n" in text[at:] else len(text)
        found.append(text[at:end])
        at = end + 1
    return [line for line in found if line.strip() and not line.startswith("#")]


def _point(line: str, unit: int) -> Point:
    key = _span(_KEY, line)
    rest = line[len(key) :].lstrip(" ")
    if not rest:
        raise ParseError("missing fields")
    measurement, *tags = re.split(r"(?<!\\),", key)
    pairs = [_tag(tag) for tag in tags]
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ParseError("duplicate tags")
    for reserved in ("time", "_field", "_measurement"):
        if reserved in names:
            raise ParseError(f'cannot use reserved tag key "{reserved}"')
    if (size := len(key.encode("utf-8", "surrogateescape"))) > MAXIMUM_KEY_BYTES:
        raise ParseError(f"max key size exceeded: {size} > {MAXIMUM_KEY_BYTES}")
    span = _span(_FIELDS, rest)
    if rest[len(span) :].startswith('"'):
        raise ParseError("unbalanced quotes")
    fields, kinds = _fields(span)
    return Point(measurement, frozenset(pairs), fields, kinds, _time(rest[len(span) :].strip(" "), unit))


def _tag(text: str) -> tuple[str, str]:
    parts = re.split(r"(?<!\\)=", text)
    if len(parts) < 2 or not parts[1]:
        raise ParseError("missing tag value")
    if len(parts) > 2:
        raise ParseError("invalid tag format")
    name, value = (re.sub(r"\\([,= ])", r"\1", part) for part in parts)
    return name, value


def _fields(text: str) -> tuple[dict[str, Value], dict[str, str]]:
    fields: dict[str, Value] = {}
    kinds: dict[str, str] = {}
    for part in re.findall(r'(?:"(?:\\.|[^"\\])*"|\\.|[^,"\\]|\\)+', text, re.DOTALL):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise ParseError("invalid field format")
        fields[name], kinds[name] = _value(value)
    return fields, kinds


def _value(text: str) -> tuple[Value, str]:
    if not text:
        raise ParseError("missing field value")
    if text.startswith('"'):
        return re.sub(r'\\(["\\])', r"\1", text[1:-1]), "string"
    if text in _BOOLEANS:
        return _BOOLEANS[text], "boolean"
    if re.fullmatch(r"-?\d+[iu]", text):
        return _integer(text)
    if text == "NaN":
        raise ParseError("invalid number")
    if not re.fullmatch(r"-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text):
        raise ParseError("invalid number" if re.match(r"[-\d.]", text) else "invalid boolean")
    number = float(text)
    if not math.isfinite(number):
        raise ParseError("invalid float")
    return number, "float"


def _integer(text: str) -> tuple[Value, str]:
    number = int(text[:-1])
    if text.endswith("i") and not -(2**63) <= number < 2**63:
        digits = text[:-1]
        raise ParseError(f'unable to parse integer {digits}: strconv.ParseInt: parsing "{digits}": value out of range')
    return number, "integer" if text.endswith("i") else "unsigned"


def _time(text: str, unit: int) -> int | None:
    if not text:
        return None
    if " " in text:
        raise ParseError("point is invalid")
    if not re.fullmatch(r"-?\d+", text):
        raise ParseError("bad timestamp")
    time_ns = int(text) * unit
    if not -MAXIMUM_TIME <= time_ns <= MAXIMUM_TIME:
        raise ParseError(f"time outside range -{MAXIMUM_TIME} - {MAXIMUM_TIME}")
    return time_ns


def _span(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.match(text)
    assert match
    return match.group()
