"""The number that stands for a state. How a series is read is chosen once, when its attributes are; none is a text.

    domain                                  1                           0
    person, device_tracker                  home                        everything else
    lock                                    locked                      everything else
    vacuum, lawn_mower                      cleaning, mowing, returning everything else
    timer                                   active                      everything else
    cover, valve                            everything else             closed
    climate, water_heater                   everything else             off
    media_player                            everything else             off, standby
    alarm_control_panel                     everything else             disarmed
    camera                                  everything else             idle
    every other                             on, open, true, yes ...     off, closed, false, no ...

Texts (`text`, `select` and their helpers, sensors of the class `enum`) are no numbers, whatever they look like. Moments
are Unix seconds: a date is its midnight in UTC, a time of day the seconds since midnight. A number is one if it has a
unit or a class; without both only in its plain form: `2024.10`, `007` and `123e45` are names of something.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time
from functools import partial
from math import isfinite
from typing import TypeAlias

from ingestor.enrichment.units import Conversion
from ingestor.model.records import Series

Reading: TypeAlias = Callable[[str], float | None]

NOTHING_KNOWN = {"unavailable", "unknown", ""}
_PAIRS = (
    ("on", "off"),
    ("open", "closed"),
    ("locked", "unlocked"),
    ("home", "not_home"),
    ("true", "false"),
    ("yes", "no"),
    ("above_horizon", "below_horizon"),
)
_WORDS = {one: 1.0 for one, _ in _PAIRS} | {zero: 0.0 for _, zero in _PAIRS}
_FIRST_OF_A_NUMBER = frozenset("+-.0123456789")
_PLAIN = re.compile(r"(?!20[0-9]{2}\.[0-9]{1,2}$)-?(0|[1-9][0-9]*)(\.[0-9]+)?")  # no version, as 2024.10
_COMMA = re.compile(r"[+-]?(?:0,[0-9]+|[0-9]+,(?![0-9]{3}$)[0-9]+)")  # 1,234 may be a thousand
_NUMERIC_DOMAINS = {"number", "input_number"}
_NOT_NUMERIC = {None, "date", "enum", "timestamp"}


def value(state: str, reading: Reading) -> float | None:
    """Return the state's value: finite, and none where nothing is known."""
    return None if state in NOTHING_KNOWN else reading(state)


def reading_of(series: Series, conversion: Conversion, timestamp: object = None) -> Reading:
    """Return how the states of a series are read; `timestamp` is what the attribute of that name says."""
    domain, device_class = series.domain, series.device_class
    if found := _BY_DOMAIN.get(domain) or _BY_CLASS.get(device_class):
        return found
    if domain == "input_datetime":
        return partial(_given, timestamp)
    is_measured = (
        conversion.unit is not None
        or series.state_class is not None
        or device_class not in _NOT_NUMERIC
        or domain in _NUMERIC_DOMAINS
    )
    return partial(_number, None if conversion.changes_nothing else conversion, is_measured)


def _number(convert: Conversion | None, is_measured: bool, state: str) -> float | None:  # noqa: FBT001  bound once
    if state[0] not in _FIRST_OF_A_NUMBER or state[-1] == " ":
        text = state.strip()
        return _word(text) if text == state else _number(convert, is_measured, text or "-")
    if not state.isascii() or "_" in state:  # Python's own way to write numbers, nobody else's
        return None
    if not is_measured and not _PLAIN.fullmatch(state):
        return None
    if "," in state and _COMMA.fullmatch(state):
        state = state.replace(",", ".")
    try:
        number = float(state) if convert is None else convert(float(state))
    except (ValueError, ArithmeticError):
        return None
    return number if isfinite(number) else None


def _word(state: str) -> float | None:
    return _WORDS.get(state) if state in _WORDS else _WORDS.get(state.lower())


def _one_in(*states: str) -> Reading:
    return lambda state: float(state in states)


def _zero_in(*states: str) -> Reading:
    return lambda state: float(state not in states)


def _text(_state: str) -> None:
    return None


def _moment(state: str) -> float | None:
    """Return the Unix time of a moment; one without a zone is none, but for a whole day."""
    try:
        moment = datetime.fromisoformat(state)
    except ValueError:
        return None
    if moment.tzinfo is None and len(state) <= len("2026-11-24"):
        moment = moment.replace(tzinfo=UTC)
    return None if moment.tzinfo is None else moment.timestamp()


def _time_of_day(state: str) -> float | None:
    try:
        at = time.fromisoformat(state)
    except ValueError:
        return None
    return at.hour * 3600 + at.minute * 60 + at.second + at.microsecond / 1e6


def _given(timestamp: object, _state: str) -> float | None:
    """Return what Home Assistant says of a state that is a local time."""
    return float(timestamp) if isinstance(timestamp, int | float) and isfinite(timestamp) else None


_BY_DOMAIN: dict[str, Reading] = {
    "person": _one_in("home"),
    "device_tracker": _one_in("home"),
    "lock": _one_in("locked"),
    "vacuum": _one_in("cleaning", "returning"),
    "lawn_mower": _one_in("mowing", "returning"),
    "timer": _one_in("active"),
    "cover": _zero_in("closed"),
    "valve": _zero_in("closed"),
    "climate": _zero_in("off"),
    "water_heater": _zero_in("off"),
    "media_player": _zero_in("off", "standby"),
    "alarm_control_panel": _zero_in("disarmed"),
    "camera": _zero_in("idle"),
    "time": _time_of_day,
}
_BY_DOMAIN |= dict.fromkeys(("text", "input_text", "select", "input_select"), _text)
_OF_LAST_USE = (
    *("event", "button", "input_button", "scene", "image", "notify", "tag"),
    *("conversation", "ai_task", "stt", "tts", "wake_word", "infrared", "radio_frequency"),
)
"""Domains whose state is the moment in which they did something last (`entity.py` of each, Home Assistant 2026.11)."""
_BY_DOMAIN |= dict.fromkeys(("date", "datetime", *_OF_LAST_USE), _moment)
_BY_CLASS: dict[str | None, Reading] = {"enum": _word, "date": _moment, "timestamp": _moment}
