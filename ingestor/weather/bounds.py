"""What an observation of the weather can be: beyond it a provider is mistaken, and its answer is refused. Pure."""

from __future__ import annotations

from ingestor.model.errors import Unavailable
from ingestor.model.records import WeatherObservation
from metrics.codes import ErrorCode

OLDEST_SECONDS = FARTHEST_AHEAD_SECONDS = 3 * 3600
_RANGES = {  # the records are -89 and 57 °C, and 1085 hPa; stations stand up to 5,000 m high
    "temperature": (-100.0, 70.0, "°C"),
    "humidity": (0.0, 100.0, "%"),
    "pressure": (300.0, 1100.0, "hPa"),
}


def check(observation: WeatherObservation, now: float, oldest_seconds: float = OLDEST_SECONDS) -> None:
    """Raise `Unavailable` for an observation that cannot be one of this time, `now` in Unix seconds."""
    for name, (least, most, unit) in _RANGES.items():
        number = getattr(observation, name)
        if number is not None and not least <= number <= most:
            raise _implausible(f"its {name} is {number:g} {unit}")
    if all(getattr(observation, name) is None for name in _RANGES):
        raise _implausible("it has neither temperature nor humidity nor pressure")
    age = now - observation.observed_at
    if age > oldest_seconds:
        raise _implausible(f"it is {age / 3600:.1f} hours old")
    if age < -FARTHEST_AHEAD_SECONDS:
        raise _implausible(f"it is {-age / 3600:.1f} hours ahead of this machine's clock")


def _implausible(why: str) -> Unavailable:
    return Unavailable(f"the weather is refused: {why}", code=ErrorCode.IMPLAUSIBLE)
