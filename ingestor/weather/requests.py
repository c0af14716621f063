"""How often a weather service may be asked, over restarts: once per cache time, and so often a day. Pure.

Times are the wall clock's, in Unix nanoseconds, since they outlive the process. One that was set back costs a cache
time at the most, or a day where the service had asked for patience.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from ingestor.model.errors import Unavailable
from ingestor.model.instants import SECOND_NS
from metrics.codes import ErrorCode

DAY_SECONDS = 86_400
LEAST_SECONDS = 1.0  # between two requests: the free tiers allow sixty a minute


class Requests(Struct, frozen=True, kw_only=True):
    """What was asked of a home's weather: when last and for which place, and how often on a `day` (of 1970, UTC).

    `failed` requests are not waited for as long as answered ones; `not_before_ns` is the pause after them.
    """

    provider: str
    location: str = ""
    asked_ns: int = 0
    failed: bool = False
    not_before_ns: int = 0
    day: int = 0
    requests: int = 0

    def wait_seconds(self, location: str, cache_seconds: float, now_ns: int) -> float:
        """Return how long to wait until that place may be asked for."""
        is_known = location == self.location and not self.failed
        fresh = _left(self.asked_ns, cache_seconds if is_known else LEAST_SECONDS, now_ns)
        return max(fresh, min(DAY_SECONDS, (self.not_before_ns - now_ns) / SECOND_NS))

    def asking(self, location: str, daily: int, now_ns: int) -> Requests:
        """Return how it stands with one request more. Raises `Unavailable` when those of the day are used up."""
        day, second = divmod(now_ns // SECOND_NS, DAY_SECONDS)
        requests = self.requests + 1 if day == self.day else 1
        if requests > daily:
            raise Unavailable(
                f"the {daily} requests that {self.provider} gives away a day are used up",
                code=ErrorCode.QUOTA,
                retry_after_seconds=DAY_SECONDS - second,
            )
        return replace(self, location=location, asked_ns=now_ns, failed=False, day=day, requests=requests)

    def after_failure(self, pause_seconds: float, now_ns: int) -> Requests:
        """Return how it stands after a request that failed."""
        return replace(self, failed=True, not_before_ns=now_ns + int(pause_seconds * SECOND_NS))


def _left(since_ns: int, seconds: float, now_ns: int) -> float:
    """Return what is left of a time; all of it where the clock was set back behind its beginning."""
    return min(seconds, since_ns / SECOND_NS + seconds - now_ns / SECOND_NS)
