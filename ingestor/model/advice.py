"""What a user can do about an error, by its code, and whether it passes without that: one table for the whole service.

A hint goes beside the sentence of an error and says what that does not say. `heals` is true of what is tried again, and
works then although nobody has changed anything.
"""

from __future__ import annotations

from typing import NamedTuple

from metrics.codes import ErrorCode


class Advice(NamedTuple):
    """What to do, and whether waiting is enough."""

    hint: str
    heals: bool


_INFLUXDB_TOKEN = "INFLUXDB_TOKEN needs to read and write INFLUXDB_BUCKET in INFLUXDB_ORG"  # noqa: S105  a sentence
_OWNER = "DATA_DIR must be a directory of the user who runs this (see `ls -ld`), as must be a volume of Docker"

ADVICE = {
    ErrorCode.CONFIG: Advice("", heals=False),
    ErrorCode.INVALID: Advice("", heals=False),
    ErrorCode.NOT_FOUND: Advice("", heals=False),
    ErrorCode.CONFLICT: Advice("", heals=False),
    ErrorCode.FORBIDDEN: Advice("API_HOSTS has the names under which the API may be asked", heals=False),
    ErrorCode.INTERNAL: Advice("this is a mistake of ours: please report it, with the log", heals=False),
    ErrorCode.UNREACHABLE: Advice(
        "is HA_URL right, does Home Assistant run, and may this machine reach it?", heals=True
    ),
    ErrorCode.TLS: Advice("see HA_URL and HA_CA_FILE", heals=False),
    ErrorCode.TIMEOUT: Advice("is Home Assistant, or the network, overloaded?", heals=True),
    ErrorCode.CLOSED: Advice("does Home Assistant restart?", heals=True),
    ErrorCode.PROTOCOL: Advice("is the address right, and does a proxy in between pass everything on?", heals=True),
    ErrorCode.CREDENTIALS_REFUSED: Advice(
        "make a long-lived access token on your profile page in Home Assistant, and set HA_TOKEN to it", heals=False
    ),
    ErrorCode.LOGIN_TIMEOUT: Advice("does Home Assistant restart, or is it overloaded?", heals=True),
    ErrorCode.SUBSCRIPTION_REFUSED: Advice("the log of Home Assistant says why", heals=False),
    ErrorCode.PING_TIMEOUT: Advice("is Home Assistant, or the network, overloaded?", heals=True),
    ErrorCode.OVERSIZED_FRAME: Advice("which entity has attributes of megabytes? EXCLUDE leaves it out", heals=False),
    ErrorCode.STARTING: Advice("it takes a few minutes", heals=True),
    ErrorCode.UNKNOWN_COMMAND: Advice("are `recorder` and `history` loaded in Home Assistant?", heals=False),
    ErrorCode.UNAUTHORIZED: Advice("use the token of an administrator of Home Assistant", heals=False),
    ErrorCode.REFUSED: Advice("the log of Home Assistant says why", heals=False),
    ErrorCode.TOO_LARGE: Advice("it is asked for again in smaller parts", heals=True),
    ErrorCode.PENDING: Advice("wait a few minutes, and try again", heals=True),
    ErrorCode.DISK: Advice("is the disk of DATA_DIR mounted, and well?", heals=True),
    ErrorCode.DISK_FULL: Advice("make room on the disk of DATA_DIR", heals=False),
    ErrorCode.READ_ONLY: Advice("is its disk mounted read-only, or does it belong to another user?", heals=False),
    ErrorCode.CAN_NOT_OPEN: Advice(_OWNER, heals=False),
    ErrorCode.LOCKED: Advice("close the program that holds it", heals=True),
    ErrorCode.CORRUPT: Advice(
        "what is missing then comes back from Home Assistant's recorder, as far as that reaches", heals=False
    ),
    ErrorCode.SQLITE: Advice("please report this", heals=False),
    ErrorCode.NO_ANSWER: Advice("does it run, is its address right, and may this machine reach it?", heals=True),
    ErrorCode.WRONG_SERVER: Advice("set INFLUXDB_URL to the address of an InfluxDB 2.7", heals=False),
    ErrorCode.SERVER_ERROR: Advice("its own log says more", heals=True),
    ErrorCode.OVERLOADED: Advice("it is tried again, more and more slowly", heals=True),
    ErrorCode.HTTP_401: Advice(_INFLUXDB_TOKEN, heals=False),
    ErrorCode.HTTP_403: Advice(_INFLUXDB_TOKEN, heals=False),
    ErrorCode.HTTP_404: Advice(_INFLUXDB_TOKEN, heals=False),
    ErrorCode.KEY_REFUSED: Advice("see WEATHER_API_KEY; a new key works after some hours", heals=False),
    ErrorCode.QUOTA: Advice("a higher WEATHER_CACHE_MINUTES asks less often", heals=True),
    ErrorCode.NO_PLACE: Advice("set WEATHER_LOCATION, or the home's place in Home Assistant's settings", heals=False),
    ErrorCode.NO_ENTITY: Advice(
        "WEATHER_ENTITY names one of Home Assistant's weather entities; WEATHER_PROVIDER another source", heals=False
    ),
    ErrorCode.IMPLAUSIBLE: Advice("it is tried again, and events are stored with the weather before", heals=True),
    ErrorCode.REJECTED: Advice("`ingestor quarantine list` has it", heals=False),
    ErrorCode.FIELD_CONFLICT: Advice("give the ingestor a bucket of its own, then replay the quarantine", heals=False),
    ErrorCode.QUARANTINE_FULL: Advice(
        "see `ingestor quarantine list`, then replay what was mended, or drop it", heals=False
    ),
    ErrorCode.UNDECODABLE: Advice("please report it, with `ingestor quarantine show`", heals=False),
}


def heals(code: str) -> bool:
    """Return whether an error passes by itself; a word that is no code of ours, like that of a crash, may."""
    return code not in _BY_NAME or _BY_NAME[code].heals


def hint_of(code: str) -> str:
    """Return what the user can do; nothing where that is not known."""
    return _BY_NAME[code].hint if code in _BY_NAME else ""


_BY_NAME: dict[str, Advice] = {str(code): advice for code, advice in ADVICE.items()}
