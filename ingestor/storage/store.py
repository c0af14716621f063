"""What a store promises, whichever database stands behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from ingestor.model.records import Event, Point, Watermark

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400


class Finding(Struct, frozen=True, kw_only=True):
    """One line of `ingestor check`: what was tried, whether it works, and what the user can do.

    A hint beside what works is a warning. Without a subject it has that of the check.
    """

    subject: str = ""
    works: bool = True
    detail: str
    hint: str = ""


class Retention(Struct, frozen=True, kw_only=True):
    """How long a database keeps its points; 0 seconds are for ever. What is not `is_ours` no setting of ours rules."""

    seconds: int
    is_ours: bool = True

    @classmethod
    def of_days(cls, days: int) -> Retention:
        """Return what is asked for in days."""
        return cls(seconds=days * DAY_SECONDS)

    @property
    def days(self) -> int | float:
        """The same in days, whole where they are."""
        days = self.seconds / DAY_SECONDS
        return int(days) if days.is_integer() else days

    def __str__(self) -> str:
        """Return it in words."""
        if not self.seconds:
            return "for ever"
        return f"{self.days:g} days" if self.seconds >= DAY_SECONDS else f"{self.seconds / HOUR_SECONDS:g} h"


class Renamed(Struct, frozen=True, kw_only=True):
    """How many points of an entity got its new id, and how many that one had already."""

    rewritten: int = 0
    repeated: int = 0

    def __add__(self, other: Renamed) -> Renamed:
        """Return both together."""
        return Renamed(rewritten=self.rewritten + other.rewritten, repeated=self.repeated + other.repeated)


class Store(Protocol):
    """A database for points. Writing a point again changes nothing: (measurement, tags, time) is its identity.

    Each method may raise `Unavailable` (try again later) or `CredentialsRefused` (keep everything, tell the user).
    """

    name: str
    is_journal: bool
    """Whether a write is captured: it remembers by itself how far each entity came."""

    @property
    def retention(self) -> Retention:
        """For how long it really keeps events; until the database has said so, what is asked for."""

    async def prepare(self) -> None:
        """Make the database ready: files, tables, bucket with its retention. Safe to call again."""

    async def write(self, points: Sequence[Point]) -> int:
        """Return once every point is confirmed: how many of them were older than the database keeps.

        Raises `Rejected` when the database refuses some as bad. Then any part of them may have been written; writing
        the good ones again is harmless.
        """

    async def recent(self, *, limit: int, entity_id: str | None = None, before_ns: int | None = None) -> list[Event]:
        """Return the newest events first, `limit` at most, all older than `before_ns`."""

    async def count_since(self, home: str, from_ns: int) -> int:
        """Return how many events of a home there are since then. May be given up when it takes long."""

    async def keys(self, home: str, from_ns: int, to_ns: int, *, statistics: bool = False) -> dict[str, set[int]]:
        """Return the times of all events, or statistics, of a home within [from, to), by entity."""

    async def newest(self, home: str) -> list[Watermark]:
        """Return the newest event of every entity; none from a database that is its own journal, and knows more."""

    async def oldest_ns(self, home: str) -> int | None:
        """Return the time of the oldest event that came with no snapshot, and so says who was at home."""

    async def mark(self, home: str) -> int:
        """Return the highest mark that it holds: what it once had confirmed; 0 where there is none."""

    async def set_retention(self, days: int) -> None:
        """Keep events for this many days; 0 is for ever.

        Raises `UsageError` where the database is not ours to change; then nothing was.
        """

    async def check(self) -> list[Finding]:
        """Write something that is no event, read it back, and say what was found. Raises nothing."""

    async def aclose(self) -> None:
        """Release files, threads and connections."""


class RenamingStore(Store, Protocol):
    """A store, with what a command alone asks of it."""

    async def count(self, home: str, entity_id: str) -> int:
        """Return how many points there are of an entity, but for those that say that it was removed."""

    async def foreign(self, home: str, entity_id: str) -> int:
        """Return how many points have only the id of an entity: another program wrote them, and they stay."""

    async def rename(self, home: str, old: str, new: str) -> Renamed | None:
        """Give a part of an entity's points another id, none of which is lost or doubled then; none when all have it.

        For as long as it is called, nobody else may write points of either id.
        """
